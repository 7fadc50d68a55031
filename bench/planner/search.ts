/** `node bench/planner/search.ts [--groups]`: how long a search takes and whether what it recommends is better. */
import { engineModels } from '../../src/engines/models.ts'
import type { EngineModel } from '../../src/core/engine-model.ts'
import { nativeKernel, precisionOf } from '../../src/planner/kernel-precision.ts'
import { memoryBudget } from '../../src/planner/memory/budget.ts'
import type { Layout } from '../../src/planner/step/step-time.ts'
import { resolveModel } from '../../src/planner/models/resolve-model.ts'
import type { ModelFacts } from '../../src/planner/model-facts.ts'
import type { Candidate } from '../../src/planner/search/candidate.ts'
import { fullest, operate } from '../../src/planner/search/operate.ts'
import { plan } from '../../src/planner/search/plan.ts'
import { replicas } from '../../src/planner/search/replica.ts'
import { type Request, screen } from '../../src/planner/search/screen.ts'
import { type DeviceGroup, parseFleet } from '../../src/planner/workload/fleet.ts'
import { parseWorkload } from '../../src/planner/workload/parse-workload.ts'
import { hasData } from './data.ts'
import { enovaAdvice } from './enova-rule.ts'
import { type SearchCase, searchCases } from './search-cases.ts'
import type { LatencyAim } from '../../src/planner/workload/slo.ts'
import { rehearse } from '../../src/simulator/rehearsal/rehearse.ts'
import { type Contender, judge, type Metric } from './search-judge.ts'
import { scoreDrafts } from './search-drafts.ts'
import { burstBiases, rankSweeps } from './search-ranking.ts'
import { scoreTails } from './search-tails.ts'
import { mean, median } from './statistics.ts'

const vllm = engineModels.find(({ name }) => name === 'vllm') as EngineModel
/** Of what vLLM's defaults can carry on these devices. */
const loadShare = 0.7

/** Whom the plan is compared with, in the order of the columns. */
const rivals = [
  'defaults',
  'defaults filled',
  'enova',
  'enova filled',
  'defaults filled, no drafts',
] as const

/** What the plan is told to look at. */
const aims: Readonly<Record<Metric, LatencyAim>> = {
  'e2e mean': { figure: 'e2e', statistic: 'mean' },
  'e2e p95': { figure: 'e2e', statistic: 'p95' },
  'ttft p95': { figure: 'ttft', statistic: 'p95' },
  'time for all': { figure: 'e2e', statistic: 'mean' },
}

if (process.argv.includes('--bursts')) {
  console.log(burstBiases().join('\n'))
  process.exit()
}
timeSearch()
compareCases()
compareDrafts()
if (hasData()) {
  console.log('\nTails beside real vLLM under an open loop')
  for (const { figure, rows, medianError, bar80 } of scoreTails())
    console.log(
      `  ${figure.padEnd(9)}${rows} rows  median error ${percent(medianError)}, 80 % within ±${percent(Math.exp(bar80) - 1)}`,
    )
  for (const isWide of [false, true]) {
    const { groups, within5, medianShortfall, againstDefaults } = rankSweeps(isWide)
    console.log(
      `\nGPUStack sweeps, ${isWide ? 'lengths within a few tokens' : 'equal lengths'}: choice within 5 % of the best in ${percent(within5 / groups)} of ${groups} groups; median shortfall ${percent(medianShortfall)}`,
    )
    console.log(
      `  measured time for all with the choice against vLLM as it starts, ${againstDefaults.length} groups: median ${percent(median(againstDefaults))}, worst ${percent(Math.max(...againstDefaults))}`,
    )
  }
}

function compareDrafts(): void {
  const { scores, share } = scoreDrafts()
  console.log(
    `\nDrafts: times as fast as without, measured (AngelSlim, H20), foreseen, and foreseen with a pass fitted to the other five; fitted to all a pass costs the host ${share.toFixed(2)} of a step`,
  )
  for (const { model, measured, foreseen, foreseenUnseen } of scores)
    console.log(
      `  ${model.padEnd(16)}${measured.toFixed(2)}  ${foreseen.toFixed(2)}  ${foreseenUnseen.toFixed(2)}`,
    )
}

function timeSearch(): void {
  console.log('Search, one model on 8 devices, all engines and precisions: median of 9, first run')
  for (const [model, gpu] of [
    ['llama-3.1-70b', 'h100:8'],
    ['deepseek-r1', 'h200:8'],
    ['gpt-oss-120b', 'b200:8'],
  ] as const) {
    const request = requestOf(model, gpu, 'chat', { minQuality: 0 })
    const times = Array.from({ length: 9 }, () => {
      const from = performance.now()
      screen(request)
      return performance.now() - from
    })
    console.log(
      `  ${model.padEnd(16)}${gpu.padEnd(8)}${screen(request).points} points  ${median(times).toFixed(0)} ms, ${times[0]?.toFixed(0)} ms`,
    )
  }
}

function compareCases(): void {
  console.log(
    '\nSimulated: the plan against vLLM with its defaults and against ENOVA, same devices, same requests; change of the metric\n  (one copy as the engine starts it, as many copies as the devices hold, ENOVA as it says, ENOVA with as many copies; the plan\n  without drafts against as many copies)',
  )
  const changes: Record<(typeof rivals)[number], number[]> = {
    defaults: [],
    'defaults filled': [],
    enova: [],
    'enova filled': [],
    'defaults filled, no drafts': [],
  }
  for (const one of searchCases) {
    const { ours, plain, defaults, alone, enova, filled, told } = compareCase(one)
    const change = (theirs: number | null) => (theirs === null ? null : ours / theirs - 1)
    const cells = [
      change(alone),
      change(defaults),
      change(enova),
      change(filled),
      plain / defaults! - 1,
    ]
    for (const [at, name] of rivals.entries()) {
      const cell = cells[at]
      if (cell != null) changes[name].push(cell)
    }
    console.log(
      `  ${one.join(' ').padEnd(52)}${cells.map((cell) => (cell === null ? 'no advice' : percent(cell)).padStart(11)).join('')}   ${told}`,
    )
  }
  for (const [name, values] of Object.entries(changes))
    console.log(
      `  against ${name.padEnd(16)} ${values.length} cases: median ${percent(median(values))}, mean ${percent(mean(values))}, worst ${percent(Math.max(...values))}`,
    )
}

function compareCase([model, gpu, workloadName, metric]: SearchCase) {
  const request = requestOf(model, gpu, workloadName, {})
  const { workload } = request
  const [group] = request.fleet
  if (!group) throw new RangeError(gpu)
  const defaults = defaultContender(request.model, group)
  const rateRps = capacityOf(defaults, request) * loadShare
  const isBatch = metric === 'time for all'
  const chosen = (speculation: 'auto' | null) => {
    const found = plan(
      {
        ...request,
        slo: [],
        rateRps: isBatch ? null : rateRps,
        objective: isBatch ? 'throughput' : 'latency',
        aim: aims[metric],
        speculation,
      },
      new Map(),
      rehearse,
    ).candidates[0]
    if (!found) throw new RangeError(`no plan for ${model}`)
    return found
  }
  const best = chosen('auto')
  const { settings } = best
  const advice = enovaContender(request.model, group)
  const filled = advice && {
    ...advice,
    replicas: Math.max(1, Math.floor(group.count / advice.layout.tp)),
  }
  const value = (contender: Contender | null) =>
    contender && judge(contender, workload, rateRps, metric)
  return {
    ours: judge(contenderOf(best), workload, rateRps, metric),
    plain: judge(contenderOf(chosen(null)), workload, rateRps, metric),
    defaults: value(defaults),
    alone: value({ ...defaults, replicas: 1 }),
    enova: value(advice),
    filled: value(filled),
    told: `${rateRps.toFixed(1)}/s  ${settings.weights} tp${settings.tensorParallel} pp${settings.pipelineParallel} dp${settings.dataParallel} ep${settings.expertParallel} ×${settings.replicas}, ${settings.speculative === 'off' ? '' : `${settings.speculative.method}${settings.speculative.tokens}, `}${settings.maxSequences} seqs, ${settings.batchedTokens} tokens; default tp${defaults.layout.tp} ×${defaults.replicas}`,
  }
}

function contenderOf({ settings, copy, curve }: Candidate): Contender {
  return {
    layout: copy.layout,
    engine: vllm,
    replicas: settings.replicas,
    maxSequences: settings.maxSequences,
    batchedTokens: settings.batchedTokens,
    memoryShare: settings.memoryShare,
    speculation: curve.device.speculation,
  }
}

/** As published, on the fewest devices that hold it, as many copies as there is room for, every setting left alone. */
function defaultContender(model: ModelFacts, { device, count }: DeviceGroup): Contender {
  for (let tp = 1; tp <= count; tp *= 2) {
    const layout = layoutOf(model, device, tp)
    const { kvBytes } = memoryBudget(layout, vllm.memory, { share: null, batchedTokens: 8192 })
    if (kvBytes > device.memoryBytes * 0.05)
      return {
        layout,
        engine: vllm,
        replicas: Math.floor(count / tp),
        maxSequences: null,
        batchedTokens: null,
        memoryShare: null,
      }
  }
  throw new RangeError(`${model.name} does not fit`)
}

function enovaContender(model: ModelFacts, { device, count }: DeviceGroup): Contender | null {
  const advice = enovaAdvice(model, device.memoryBytes, count)
  if (!advice) return null
  const layout = layoutOf(model, device, advice.tensorParallel)
  const { memoryShare, maxSequences } = advice
  const { kvBlocks } = memoryBudget(layout, vllm.memory, {
    share: memoryShare,
    batchedTokens: 8192,
  })
  // vLLM would not start with a cache for less than one long prompt.
  if (kvBlocks * 16 < 8192) return null
  return { layout, engine: vllm, replicas: 1, maxSequences, batchedTokens: null, memoryShare }
}

function layoutOf(model: ModelFacts, device: DeviceGroup['device'], tp: number): Layout {
  const precision = precisionOf(model, nativeKernel(model), 2)
  return { model, device, precision, tp, pp: 1, dp: 1, ep: 1 }
}

/** Requests a second that a contender carries, in closed form. */
function capacityOf(contender: Contender, request: Request): number {
  const copy = {
    layout: contender.layout,
    weights: request.model.nativePrecision,
    kvPrecision: 'bf16' as const,
    ranks: contender.layout.tp,
  }
  const { workload, pinned } = request
  const ask = { workload, pinned, speculation: null, burdens: [] }
  const [replica] = replicas(vllm, copy, ask, new Map())
  if (!replica) throw new RangeError(`${request.model.name} does not start`)
  const places = Math.min(replica.capacity, replica.defaultSequences)
  return (
    operate(replica.curve, places, request.workload, places * fullest).rateRps * contender.replicas
  )
}

function requestOf(
  model: string,
  gpu: string,
  workload: string,
  change: Partial<Request>,
): Request {
  const facts = resolveModel(model)
  if (!facts) throw new RangeError(`no model ${model}`)
  const shape = parseWorkload(workload)
  return {
    model: facts,
    fleet: parseFleet(gpu, () => null),
    workload: shape,
    slo: shape.slo,
    rateRps: null,
    objective: 'cost',
    minQuality: 0.99,
    pinned: { engines: change.minQuality === 0 ? engineModels : [vllm] },
    tenancy: 'on-demand',
    prices: new Map(),
    ...change,
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { defineCommand } from '../command.ts'
import type { ApartReport } from '../../planner/explain/apart.ts'
import type { Emission } from '../../planner/emit/emission.ts'
import type { EmitFormat } from '../../planner/emit/index.ts'
import type { Candidate } from '../../planner/search/candidate.ts'
import type { Plan } from '../../planner/search/plan.ts'
import { planFlags } from '../plan/plan-flags.ts'

export const plan = defineCommand({
  name: 'plan',
  summary: 'Recommend how to run a model on given devices, with predicted figures',
  details:
    'Works out every engine, layout, precision and setting for the devices, keeps what stays within the limits, and ranks it. Every figure has the interval that 80 % of measured runs fall into. What can not be gets the nearest that can, and the reason.',
  examples: [
    'plan llama-3.1-70b --gpu h100:8 --workload chat --slo ttft.p95=500ms,tpot.p95=50ms',
    'plan qwen3-32b --gpu h100:4,l40s:8 --rate 12/s --explain',
    'plan ./model.gguf --gpu local --workload 200,100',
    'plan llama-3.1-8b --gpu l40s:4 --workload azure.csv --rate peak',
    'plan llama-3.1-8b --gpu l40s:4 --workload route:support',
    'plan llama-3.1-8b --gpu l40s:2 --emit vllm > serve.sh',
  ],
  positionals: [
    {
      name: 'model',
      summary:
        'Built-in name, hub id, pulled model, directory, config.json, GGUF or safetensors file',
      completes: 'model',
    },
  ],
  flags: planFlags,
  async run({ flags, positionals, io, output }) {
    const { readModel } = await import('../plan/read-model.ts')
    const { planRequest } = await import('../plan/plan-flags.ts')
    const { plannerEngines } = await import('../plan/planner-engines.ts')
    const { readWorkload } = await import('../plan/read-workload.ts')
    const { dataDirectory } = await import('../connection.ts')
    const { plan: search } = await import('../../planner/search/plan.ts')
    const directory = await dataDirectory({ ...flags, config: undefined }, io)
    const { workingDirectory } = io
    const model = await readModel(positionals.model, workingDirectory, join(directory, 'models'))
    const engines = await plannerEngines(flags, io, output)
    const workload = await readWorkload(flags, io)
    const request = planRequest(model, workload, flags, engines, workingDirectory)
    const curves = new Map()
    const { rehearse } = await import('../../simulator/rehearsal/rehearse.ts')
    const shown = flags.top ?? 5
    const found = search(request, curves, flags.quick ? null : rehearse, shown)
    const [best] = found.candidates
    if (flags.emit !== undefined) {
      if (!best) throw new AppError('planner/infeasible', { message: found.reasons.join('; ') })
      for (const reason of found.reasons) output.note(reason)
      return void io.stdout.write(await written(found, best, flags.emit, model.source, flags.apart))
    }
    const isFull = flags.explain || output.json
    const { sensitivity } = await import('../../planner/explain/sensitivity.ts')
    const { reportOf } = await import('../../planner/explain/report.ts')
    const { planText } = await import('../plan/report-text.ts')
    const shifts = isFull && best ? sensitivity(found.request, best, curves) : []
    const { unmeasured } = await import('../../planner/search/unmeasured.ts')
    const report = reportOf(found, shown, {
      sensitivity: shifts,
      disaggregated: await apart(found, flags.quick),
      unmeasured: unmeasured(found, curves),
    })
    output.data(report, () =>
      planText(found, report, positionals.model, flags.explain, output.style),
    )
  },
})

/** What to run, in a form. */
async function written(
  { request, candidates }: Plan,
  best: Candidate,
  format: EmitFormat,
  source: string,
  isApart: boolean,
): Promise<string> {
  const { elsewhereBytes } = await import('../../planner/burdens/burden.ts')
  const { emit, emitApart } = await import('../../planner/emit/index.ts')
  const { burdens = [] } = request
  const emission = (
    { settings, copy, budget }: Candidate,
    replicas = settings.replicas,
  ): Emission => ({
    settings: { ...settings, replicas },
    model: request.model,
    device: copy.layout.device,
    burdens: burdens.flatMap(({ setting }) => setting ?? []),
    elsewhereBytes: elsewhereBytes(burdens, copy.layout) + budget.kvElsewhereBytes,
    neighbours: burdens.flatMap(({ name, foreignBytes }) =>
      foreignBytes
        ? `${name} has ${(foreignBytes(copy.layout) / 1e9).toFixed(1)} GB of each device: start it first`
        : [],
    ),
    source,
  })
  if (!isApart) return emit(format, emission(best))
  const { disaggregate } = await import('../../planner/disaggregation/disaggregate.ts')
  const found = disaggregate(request, candidates)
  if (!found || format === 'ray' || format === 'llama')
    throw new AppError('planner/infeasible', {
      message: found
        ? `${format} has no form for prompts and decoding apart`
        : 'no engine hands caches over here, or there are too few devices for two replicas',
      hint: 'Use --emit baleen, vllm, sglang, trtllm or kubernetes with two devices or more, or leave --apart out.',
    })
  const { prefill, decode } = found
  return emitApart(
    format,
    emission(prefill.candidate, prefill.replicas),
    emission(decode.candidate, decode.replicas),
  )
}

/** Prompts and decoding on replicas of their own. */
async function apart(found: Plan, isQuick: boolean): Promise<ApartReport | null> {
  const { disaggregate } = await import('../../planner/disaggregation/disaggregate.ts')
  const { apartReport } = await import('../../planner/explain/apart.ts')
  const { rehearseApart } = await import('../../simulator/rehearsal/rehearse.ts')
  const best = disaggregate(found.request, found.candidates)
  if (best === null) return null
  return apartReport(found, best, isQuick ? null : rehearseApart(best, found.request))
}

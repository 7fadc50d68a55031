import { parseHardware } from '../../contract/placement.ts'
import type { EngineModel } from '../../core/engine-model.ts'
import { AppError } from '../../core/errors.ts'
import { createRandom } from '../../core/random.ts'
import { engineModels } from '../../engines/models.ts'
import type { SimulatedFlags } from '../../engines/simulated/flags.ts'
import type { StepModel } from '../../engines/simulated/step-model.ts'
import type { Scenario } from '../../planner/load/scenario.ts'
import { transferMs } from '../../planner/disaggregation/transfer.ts'
import { readRow } from '../../planner/predict/row.ts'
import { readScenario } from '../../planner/predict/read-scenario.ts'
import { Replica } from '../../simulator/cluster/replica.ts'
import { RequestTable } from '../../simulator/request-table.ts'
import { plannedEngine } from '../../simulator/scenario/planned-engine.ts'

type Simulated = Omit<SimulatedFlags, 'name' | 'host' | 'port' | 'drainMs' | 'role'>

/** Throws `simulation/bad-scenario` where the planner can't say how that would run. */
export function simulatedScenario(
  flags: Simulated,
  engines: readonly EngineModel[] = engineModels,
): Scenario {
  const { accelerator, count } = parseHardware(flags.hardware)
  const said = (value: string | number): string => (value === 'auto' ? '' : String(value))
  const { tensorParallel, pipelineParallel, dataParallel, expertParallel } = flags
  // Devices that nobody divides all work on each layer.
  const isDivided = [tensorParallel, pipelineParallel, dataParallel].some((one) => one !== 'auto')
  const row = readRow({
    engine: flags.behaves,
    version: said(flags.version),
    model: flags.model,
    gpu: accelerator,
    num_gpus: String(count),
    tp: isDivided ? said(tensorParallel) || '1' : String(count),
    pp: said(pipelineParallel),
    dp: said(dataParallel),
    ep: said(expertParallel),
    precision: said(flags.weightPrecision),
    kv_dtype: said(flags.kvPrecision),
    max_num_seqs: said(flags.sequencesMax),
    max_num_batched_tokens: said(flags.batchTokens),
    gpu_memory_utilization: said(flags.memoryShare),
    // The planner wants a load; here clients make it.
    isl: '1',
    osl: '1',
    concurrency_or_batch: '1',
  })
  const scenario = readScenario(row, engines)
  if (!('reason' in scenario)) return scenario
  throw new AppError('simulation/bad-scenario', {
    message: scenario.reason,
    hint: 'Name a model of the catalogue and hardware that holds it: `baleen plan` shows what would.',
  })
}

/** The simulator's own replica, for a caller that lets time pass by itself. */
export function createStepModel(flags: Simulated): StepModel {
  const scenario = simulatedScenario(flags)
  const change = {
    ...(flags.queueMax === 'auto' ? {} : { queueMax: flags.queueMax }),
    ...(flags.prefixCaching === 'auto' ? {} : { hasPrefixCache: flags.prefixCaching === 'on' }),
    ...(flags.chunkedPrefill === 'auto'
      ? {}
      : { hasChunkedPrefill: flags.chunkedPrefill === 'on' }),
  }
  const planned = plannedEngine(scenario, change)
  const { engine, ranks } = planned
  const rankTokens = engine.kvBlocks * engine.blockTokens
  const wanted =
    flags.contextTokens === 'auto' ? scenario.layout.model.contextMax : flags.contextTokens
  const contextTokens = Math.min(wanted, rankTokens)
  const requests = new RequestTable()
  const admitted = new Set<number>()
  const replica = new Replica(
    { index: 0, pool: 0, id: 'simulated' },
    { ...planned, engine: { ...engine, contextMax: contextTokens } },
    requests,
    {
      admitted: (id) => void admitted.add(id),
      preempted: () => {},
      firstToken: () => {},
      finished: () => {},
    },
    createRandom(1),
    0,
  )
  return {
    contextTokens,
    kvTokens: rankTokens * ranks,
    queueMax: engine.queueMax,
    overheadMs: engine.requestOverheadMs,
    transferMs: (promptTokens) =>
      transferMs(scenario.layout, promptTokens, 2 * parseHardware(flags.hardware).count),
    add({ promptTokens, answerTokens, blockHashes, isRead }) {
      const id = requests.add({ atMs: 0, promptTokens, answerTokens, blockHashes })
      // The last token is computed once more: it brings the first of the answer.
      if (isRead) requests.receivedTokens[id] = promptTokens - 1
      requests.goalTokens[id] = answerTokens
      return id
    },
    enqueue: (id) => replica.enqueue(id),
    abort: (id) => replica.abort(id),
    startStep: (nowMs) => (replica.startStep(nowMs) ? replica.stepEndsMs : null),
    endStep: () => replica.endStep(),
    produced: (id) => replica.producedOf(id),
    cached: (id) => (admitted.has(id) ? requests.cachedTokens[id]! : null),
    forget(id) {
      admitted.delete(id)
      // What is left of a request are a few numbers.
      requests.blockHashes[id] = null
      requests.source[id] = forgotten
    },
    load: () => ({ running: replica.running, waiting: replica.waiting, kvUsage: replica.kvUsage }),
  }
}

const forgotten = { atMs: 0, promptTokens: 1, answerTokens: 1 }

import type { EngineModel } from '../../core/engine-model.ts'
import { precisionOf } from '../kernel-precision.ts'
import { prefillCost, stepFeatures, weigh } from '../load/features.ts'
import { eraOf } from '../load/scenario.ts'
import { sequenceKvBytes } from '../memory/kv-cache.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import type { ModelFacts } from '../model-facts.ts'
import type { Layout } from '../step/step-time.ts'
import type { Workload } from '../workload/workload.ts'
import type { Burden } from '../burdens/burden.ts'

/** More sequences at a time are a queue, not a load. */
const sequencesMost = 256

/** Another model on the same devices, with a load of its own. */
export interface Neighbour {
  readonly model: ModelFacts
  readonly rateRps: number
  readonly workload: Workload
}

/**
 * Two engines on one device take turns: while both have work, each runs at half speed, so that a step takes 1 + ρ times
 * as long, ρ being the share of the time that the neighbour works (processor sharing; the driver's time slices are
 * equal). The neighbour is taken at its slowest, with us always at work. It keeps its weights, and a cache for the
 * sequences that it runs and three standard deviations more.
 */
export function neighbourBurden(
  { model, rateRps, workload }: Neighbour,
  engine: EngineModel,
): Burden {
  const layoutOf = ({ device, tp, pp }: Layout): Layout => ({
    model,
    device,
    precision: precisionOf(model, model.nativePrecision, 2),
    tp: Math.min(tp, model.kvHeads),
    pp: Math.min(pp, model.layers),
    dp: 1,
    ep: 1,
  })
  const isl = workload.inputTokens.mean
  const osl = workload.outputTokens.mean
  const worked = new Map<string, ReturnType<typeof work>>()

  function work(layout: Layout) {
    const { step } = eraOf(engine, '')
    const stepMs = (running: number) =>
      2 * weigh(stepFeatures(layout, Math.max(1, running), isl + osl / 2, 0, 0), step)
    const { total } = prefillCost(layout, { tokens: isl, prefixShare: 0 }, 8192, null)
    // Little's law, by iteration: as many run as come while one is served.
    let running = 0
    for (let round = 0; round < 20; round++)
      running = Math.min(sequencesMost, (rateRps / 1e3) * stepMs(running) * osl)
    const reading = (rateRps / 1e3) * total * 2
    const busy = Math.min(1, 1 - Math.exp(-running) + reading)
    const held = running + 3 * Math.sqrt(Math.max(1, running))
    const bytes =
      weightBytesPerDevice(layout) +
      engine.memory.workspaceBytes +
      model.vocab * engine.memory.bytesPerVocabularyEntry +
      held * sequenceKvBytes(layout, isl + osl)
    const isSwamped = running >= sequencesMost || reading >= 1
    return { busy, bytes, isSwamped, tokenMs: stepMs(running) }
  }
  const at = (layout: Layout) => {
    const key = `${layout.device.name} ${layout.tp} ${layout.pp}`
    const known = worked.get(key)
    if (known) return known
    const found = work(layoutOf(layout))
    worked.set(key, found)
    return found
  }
  return {
    name: `${model.name} beside it`,
    bytes: (layout) => at(layout).bytes,
    foreignBytes: (layout) => at(layout).bytes,
    stepMs: () => 0,
    setting: null,
    slowdown: (layout) => 1 + at(layout).busy,
    noteOn(layout) {
      const { busy, bytes, isSwamped, tokenMs } = at(layout)
      const works = isSwamped
        ? 'it can’t carry its load'
        : `it works ${Math.round(busy * 100)} % of the time, at ${tokenMs.toPrecision(2)} ms a token`
      return `${model.name} keeps ${(bytes / 1e9).toFixed(1)} GB of each device; while this model always works ${works}`
    },
    note: `${model.name} at ${Number(rateRps.toPrecision(3))} requests/s on the same devices; each runs at half speed while both work`,
  }
}

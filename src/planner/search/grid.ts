import type { EngineModel } from '../../core/engine-model.ts'
import type { Accelerator } from '../accelerator.ts'
import type { Burden } from '../burdens/burden.ts'
import { type Kernel, precisionOf } from '../kernel-precision.ts'
import { type ModelFacts, moeLayers } from '../model-facts.ts'
import type { Layout } from '../step/step-time.ts'
import type { DeviceGroup } from '../workload/fleet.ts'
import { type Copy, hasKernel, type Pinned } from './settings.ts'

/** Every way to lay a copy of the model over devices of one type that divides evenly; memory is looked at later. */
export function copies(model: ModelFacts, group: DeviceGroup, pinned: Pinned): Copy[] {
  const found: Copy[] = []
  for (const weights of pinned.weights ? [pinned.weights] : weightChoices(model, group.device))
    for (const kvPrecision of pinned.kvPrecision ? [pinned.kvPrecision] : kvChoices(group.device))
      for (const ranks of rankChoices(model, group, pinned)) {
        const layout: Layout = {
          model,
          device: group.device,
          precision: precisionOf(
            model,
            kernelOn(group.device, weights),
            kvPrecision === 'fp8' ? 1 : 2,
          ),
          ...ranks,
        }
        found.push({ layout, weights, kvPrecision, ranks: ranks.tp * ranks.pp * ranks.dp })
      }
  return found
}

/** Precisions worth offering: as published first, then those that the device can multiply. */
export function weightChoices(model: ModelFacts, device: Accelerator): Kernel[] {
  const { nativePrecision } = model
  if (nativePrecision === 'mxfp4' || nativePrecision === 'int4' || nativePrecision === 'int8')
    return [nativePrecision]
  const offered: Kernel[] = nativePrecision === 'fp8' ? ['fp8'] : ['bf16', 'fp8', 'int8']
  const choices = [...offered, 'nvfp4' as const, 'int4' as const].filter((weights) =>
    hasKernel(device, weights),
  )
  return choices.includes(nativePrecision) ? choices : ['bf16', ...choices]
}

const kvChoices = (device: Accelerator): readonly ('bf16' | 'fp8')[] =>
  device.tflops.fp8 === null ? ['bf16'] : ['bf16', 'fp8']

/** Published four-bit weights run on the units that the device has. */
const kernelOn = (device: Accelerator, weights: Kernel): Kernel =>
  weights === 'mxfp4' || weights === 'nvfp4' ? (device.tflops.fp4 ? 'nvfp4' : 'mxfp4') : weights

type Ranks = Pick<Layout, 'tp' | 'pp' | 'dp' | 'ep'>

const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 32, 64]

function rankChoices(model: ModelFacts, { count }: DeviceGroup, pinned: Pinned): Ranks[] {
  const found: Ranks[] = []
  const hasExperts = moeLayers(model) > 0
  const choices = (pin: number | undefined, most: number) =>
    pin === undefined ? sizes.filter((size) => size <= most) : [pin]
  for (const tp of choices(pinned.tp, Math.min(count, 8)))
    for (const pp of choices(pinned.pp, Math.min(count, model.layers, 8)))
      for (const dp of choices(pinned.dp, hasExperts ? count : 1)) {
        if (tp * pp * dp > count || divides(model, { tp, pp, dp }) !== null) continue
        const spread = pinned.ep === undefined ? [1, tp * dp] : [pinned.ep]
        for (const ep of new Set(hasExperts ? spread : [1]))
          // Data-parallel attention without spread experts is a replica, and is counted as one.
          if (dp === 1 || ep === tp * dp) found.push({ tp, pp, dp, ep })
      }
  return found
}

const unequalStages = 1.1

/** Null where the model divides over the ranks; else why not. */
export function divides(
  model: ModelFacts,
  { tp, pp, dp }: Pick<Ranks, 'tp' | 'pp' | 'dp'>,
): string | null {
  if (model.heads % tp !== 0)
    return `tensor parallelism of ${tp} does not divide the ${model.heads} heads of ${model.name}`
  if (!model.mla && model.kvHeads % tp !== 0 && tp % model.kvHeads !== 0)
    return `tensor parallelism of ${tp} fits neither way into ${model.kvHeads} KV heads`
  // Engines put a layer more on some stages; all wait for those.
  if ((Math.ceil(model.layers / pp) * pp) / model.layers > unequalStages)
    return `${model.layers} layers do not divide into ${pp} nearly equal pipeline stages`
  if (dp > 1 && moeLayers(model) === 0)
    return 'data-parallel attention needs experts to spread; replicas do the same for others'
  if (model.moe && model.moe.experts % (tp * dp) !== 0 && dp > 1)
    return `${model.moe.experts} experts do not spread evenly over ${tp * dp} ranks`
  return null
}

/** Whether an engine can run a copy, by what it says of itself. */
export function canRun(
  { capabilities }: EngineModel,
  { layout, weights, kvPrecision }: Copy,
): boolean {
  const { tp, pp, dp, ep, device, model } = layout
  const asks = { tp, pp, dp, ep }
  return (
    capabilities.vendors.includes(device.vendor) &&
    capabilities.kinds.includes(model.kind) &&
    capabilities.weightPrecisions.includes(weights) &&
    capabilities.kvPrecisions.includes(kvPrecision) &&
    (['tp', 'pp', 'dp', 'ep'] as const).every(
      (kind) => asks[kind] === 1 || capabilities.parallelism.includes(kind),
    )
  )
}

/** Whether an engine can be told of a burden. */
export function bears({ capabilities }: EngineModel, { setting }: Burden): boolean {
  switch (setting?.kind) {
    case 'adapters':
      return capabilities.adapters
    case 'offload':
      return capabilities.offload.includes(setting.where)
    default:
      return true
  }
}

/** Prompt tokens in one step that are tried. */
export const batchedTokenChoices = [512, 1024, 2048, 4096, 8192, 16_384] as const

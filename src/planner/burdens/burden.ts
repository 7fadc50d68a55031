import type { CacheElsewhere } from '../memory/budget.ts'
import type { Layout } from '../step/step-time.ts'

/** Something beside the model itself that a device bears: adapters, weights out of reach, a neighbour. */
export interface Burden {
  readonly name: string
  /** Memory that it takes from each device; below 0 where it gives some back. */
  bytes(layout: Layout): number
  /** Of that, what belongs to another program: an engine that is given a share of the device may not count on it. */
  readonly foreignBytes?: (layout: Layout) => number
  /** Share of every cache that lies elsewhere, and the bytes that are there for it, by device. */
  readonly cacheElsewhere?: CacheElsewhere
  /** What it adds to a step, ms. */
  stepMs(layout: Layout, step: StepShape): number
  /** What it adds to each prompt, ms. Default: nothing. */
  promptMs?(layout: Layout): number
  /** Steps take so many times as long. */
  slowdown(layout: Layout): number
  /** What an engine has to be told; null: nothing. */
  readonly setting: BurdenSetting | null
  /** What was assumed, for whoever reads the plan. */
  readonly note: string
  /** What is to be said of it on these devices. */
  noteOn?(layout: Layout): string
}

export type BurdenSetting =
  | { readonly kind: 'adapters'; readonly count: number; readonly rank: number }
  | {
      readonly kind: 'offload'
      readonly what: 'weights' | 'experts' | 'cache'
      readonly where: 'host' | 'nvme' | 'cpu'
      readonly share: number
    }
  | { readonly kind: 'compile'; readonly level: 'eager' | 'full' }

export const promptBurdenMs = (burdens: readonly Burden[], layout: Layout): number =>
  burdens.reduce((sum, burden) => sum + (burden.promptMs?.(layout) ?? 0), 0)

export interface StepShape {
  readonly tokens: number
  /** Those that decode, and the tokens that each has in the cache. */
  readonly sequences: number
  readonly context: number
}

export const burdenBytes = (burdens: readonly Burden[], layout: Layout): number =>
  burdens.reduce((sum, burden) => sum + burden.bytes(layout), 0)

/** Weights on one device that lie elsewhere. */
export const elsewhereBytes = (burdens: readonly Burden[], layout: Layout): number =>
  -burdenBytes(
    burdens.filter(({ setting }) => setting?.kind === 'offload'),
    layout,
  )

export const foreignBytes = (burdens: readonly Burden[], layout: Layout): number =>
  burdens.reduce((sum, burden) => sum + (burden.foreignBytes?.(layout) ?? 0), 0)

/** A step of `ms` with all that it bears. */
export function burdenedMs(
  burdens: readonly Burden[],
  layout: Layout,
  ms: number,
  step: StepShape,
): number {
  let total = ms
  let slowdown = 1
  for (const burden of burdens) {
    total += burden.stepMs(layout, step)
    slowdown *= burden.slowdown(layout)
  }
  return total * slowdown
}

import { resolveAccelerator } from '../accelerators/resolve-accelerator.ts'
import { precisionOf } from '../kernel-precision.ts'
import { resolveModel } from '../models/resolve-model.ts'
import type { Layout } from './step-time.ts'

/** A known model in bf16 on one H100, or as changed. */
export function layoutOf(name: string, change: Partial<Layout> = {}): Layout {
  const model = resolveModel(name)!
  return {
    model,
    device: resolveAccelerator('h100')!,
    precision: precisionOf(model, 'bf16', 2),
    tp: 1,
    pp: 1,
    dp: 1,
    ep: 1,
    ...change,
  }
}

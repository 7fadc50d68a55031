import type { Burden } from './burden.ts'

/**
 * How steps are launched: kernel by kernel, as captured graphs (what engines do, and what was fitted), or compiled whole
 * as well.
 */
export const compileLevels = ['eager', 'graphs', 'full'] as const
export type CompileLevel = (typeof compileLevels)[number]

/** Without captured graphs the host launches every kernel of a layer: BLIS fits 32 µs on vLLM 0.15. */
const eagerLayerMs = 0.032
/** Fused elementwise kernels: two of four at 2.5 µs each are saved in a layer. */
const fusedLayerMs = 0.005
/** SGLang compiles whole steps only up to this many sequences (`--torch-compile-max-bs`). */
const fusedSequences = 32

export function compileBurden(level: CompileLevel): Burden[] {
  if (level === 'graphs') return []
  const isEager = level === 'eager'
  return [
    {
      name: level,
      bytes: () => 0,
      stepMs: ({ model }, { sequences }) => {
        if (isEager) return model.layers * eagerLayerMs
        return sequences <= fusedSequences ? -model.layers * fusedLayerMs : 0
      },
      slowdown: () => 1,
      setting: { kind: 'compile', level },
      note: isEager
        ? 'no captured graphs: the host launches every kernel, 32 µs a layer'
        : 'compiled whole: elementwise kernels are fused in steps of up to 32 sequences',
    },
  ]
}

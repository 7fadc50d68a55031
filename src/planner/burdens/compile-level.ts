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

/** What vLLM decides and samples between steps: 1 ms and 8 µs a sequence, most of it beside the step before. */
const hidden = { stepMs: 0.8, sequenceMs: 0.006 }

/** The next step is decided while one runs (vLLM's --async-scheduling before it became the default). */
export const asyncBurden: Burden = {
  name: 'async',
  bytes: () => 0,
  stepMs: (_, { sequences }) => -(hidden.stepMs + hidden.sequenceMs * sequences),
  slowdown: () => 1,
  setting: null,
  note: 'the next step is decided while one runs',
}

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

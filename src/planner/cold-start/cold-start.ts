import type { EngineModel } from '../../core/engine-model.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import type { Layout } from '../step/step-time.ts'

/** Seconds until a replica answers, by phase; those that an engine does not have are 0. */
export interface ColdStart {
  /** The weights are not here yet. */
  readonly download: number
  /** Processes, imports, devices. */
  readonly boot: number
  /** From files on this machine into the devices' memory. */
  readonly load: number
  /** Tracing and compiling the model: `compileFirst` where no cache of an earlier start is there. */
  readonly compile: number
  readonly compileFirst: number
  /** A step of the largest size, to see what memory is left; then the graphs of usual sizes. */
  readonly warmUp: number
  /** With files and compiled graphs on the machine; and with neither. */
  readonly warm: number
  readonly cold: number
}

/** What files and networks bring, GB/s. */
export interface Sources {
  readonly downloadGBs: number
  readonly diskGBs: number
}

/** Ten gigabits; and what vLLM 0.10 reads safetensors at on a machine with A100s (startup profiles, arXiv 2606.07362). */
export const usualSources: Sources = { downloadGBs: 1.25, diskGBs: 1.8 }

/**
 * How long a replica takes to start, from the engine's own rules. Weights are downloaded once for a machine and read by
 * its devices one after another: bytes over the rate. Everything that traces or captures goes layer by layer.
 */
export function coldStart(
  { startup }: EngineModel,
  layout: Layout,
  { downloadGBs, diskGBs }: Sources = usualSources,
): ColdStart {
  const bytes = weightBytesPerDevice(layout) * layout.tp * layout.pp * layout.dp
  const layers = layout.model.layers / layout.pp
  const download = bytes / (downloadGBs * 1e9)
  const load = bytes / (diskGBs * 1e9)
  const compile = startup.compiles ? startup.compileS + startup.compileLayerS * layers : 0
  const compileFirst = compile * startup.firstCompile
  const warmUp = startup.profileS + startup.captureLayerS * layers
  const warm = startup.bootS + load + compile + warmUp
  return {
    download,
    boot: startup.bootS,
    load,
    compile,
    compileFirst,
    warmUp,
    warm,
    cold: warm + download + compileFirst - compile,
  }
}

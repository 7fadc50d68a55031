import type { EngineModel } from '../../core/engine-model.ts'
import type { Accelerator } from '../accelerator.ts'
import type { Kernel } from '../kernel-precision.ts'
import type { Layout } from '../step/step-time.ts'

/** Everything that a plan decides: one way to run the model. */
export interface Settings {
  readonly engine: string
  readonly device: string
  /** Devices of all replicas together. */
  readonly devices: number
  readonly replicas: number
  readonly tensorParallel: number
  readonly pipelineParallel: number
  readonly dataParallel: number
  readonly expertParallel: number
  readonly weights: Kernel
  readonly kvPrecision: 'bf16' | 'fp8'
  /** Longest prompt and answer together, tokens. */
  readonly contextMax: number
  readonly maxSequences: number
  readonly batchedTokens: number
  readonly memoryShare: number
  readonly prefixCaching: boolean
  readonly chunkedPrefill: boolean
  /** Drafts pay only at an acceptance that nobody has measured for this traffic: `off` until it is given. */
  readonly speculative: 'off'
}

/** A copy of the model on devices, before an engine runs it. */
export interface Copy {
  readonly layout: Layout
  readonly weights: Kernel
  readonly kvPrecision: 'bf16' | 'fp8'
  readonly ranks: number
}

/** What of the grid the asker has fixed. */
export interface Pinned {
  readonly engines: readonly EngineModel[]
  readonly tp?: number
  readonly pp?: number
  readonly dp?: number
  readonly ep?: number
  readonly replicas?: number
  readonly weights?: Kernel
  readonly kvPrecision?: 'bf16' | 'fp8'
  readonly maxSequences?: number
  readonly batchedTokens?: number
  readonly memoryShare?: number
  readonly contextMax?: number
}

/** Whether a device multiplies weights of this precision, as far as its data sheet says. */
export function hasKernel(device: Accelerator, weights: Kernel): boolean {
  switch (weights) {
    case 'bf16':
    case 'int4':
    case 'mxfp4':
      return true
    case 'fp8':
      return device.tflops.fp8 !== null
    case 'int8':
      return device.tflops.int8 !== null
    case 'nvfp4':
      return device.tflops.fp4 !== null
  }
}

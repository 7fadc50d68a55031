import type { EngineModel } from '../../core/engine-model.ts'
import type { Accelerator } from '../accelerator.ts'
import type { Kernel } from '../kernel-precision.ts'
import type { DraftMethod } from '../speculation/speculation.ts'
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
  readonly speculative: 'off' | DraftSettings
}

/** Drafts as an engine is told to make them, and what is expected of them. */
export interface DraftSettings {
  readonly method: DraftMethod
  /** Repository or path of what drafts; null where the model brings it or nothing is needed. */
  readonly model: string | null
  /** Guesses one after another, and beside one another. */
  readonly tokens: number
  readonly width: number
  /** Tokens that a step verifies for a sequence. */
  readonly verified: number
  readonly acceptance: number
  readonly tokensPerStep: number
  readonly source: string
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
  /** Only with drafts. */
  readonly drafted?: boolean
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

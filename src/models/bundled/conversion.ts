import type { GgufField, GgufTensorSource } from '../gguf/encode.ts'

/** A model ready to be written as GGUF: what stands in the header, and weights that are made when asked for. */
export interface Conversion {
  readonly fields: readonly GgufField[]
  readonly tensors: readonly GgufTensorSource[]
}

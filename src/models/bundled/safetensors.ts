import { invariant } from '../../core/errors.ts'

export interface SafeTensor {
  readonly type: string
  /** Row-major: slowest dimension first. */
  readonly shape: readonly number[]
  /** A view on the file. */
  readonly data: Uint8Array
}

const headerBytesMax = 25_000_000

/** Reads a safetensors file. For files whose bytes are pinned by integrity, not for untrusted ones. */
export function readSafetensors(file: Buffer): ReadonlyMap<string, SafeTensor> {
  const headerBytes = Number(file.readBigUInt64LE(0))
  invariant(headerBytes <= headerBytesMax, `safetensors header of ${headerBytes} bytes`)
  const header: unknown = JSON.parse(file.toString('utf8', 8, 8 + headerBytes))
  invariant(typeof header === 'object' && header !== null, 'safetensors header is an object')
  const body = file.subarray(8 + headerBytes)
  const tensors = new Map<string, SafeTensor>()
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const { dtype, shape, data_offsets: offsets } = entry as HeaderEntry
    invariant(offsets[1] <= body.length, `${name} lies beyond the end of the file`)
    tensors.set(name, { type: dtype, shape, data: body.subarray(...offsets) })
  }
  return tensors
}

interface HeaderEntry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

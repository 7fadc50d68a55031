import { createRandom } from '../../../core/random.ts'

/**
 * A PNG with a palette: the pixels name colours, and every image has colours of its own. So each is another picture,
 * which no cache of a server has seen, for the price of 768 bytes.
 */
export interface ImageTemplate {
  /** Signature and header. */
  readonly head: Uint8Array
  /** Compressed pixels and the end. */
  readonly tail: Uint8Array
}

const paletteBytes = 768

/** A `data:` URL; the same seed gives the same picture. */
export function syntheticImage({ head, tail }: ImageTemplate, seed: number): string {
  const random = createRandom(seed)
  const palette = Uint8Array.from({ length: paletteBytes }, () => Math.floor(random() * 256))
  const bytes = Buffer.concat([head, pngChunk('PLTE', palette), tail])
  return `data:image/png;base64,${bytes.toString('base64')}`
}

/** Length, name, data and check of one part of a PNG. */
export function pngChunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const chunk = Buffer.alloc(body.length + 8)
  chunk.writeUInt32BE(data.length, 0)
  body.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(body), body.length + 4)
  return chunk
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  return value >>> 0
})

/** As PNG and zip have it (ISO 3309). */
function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of bytes) value = (crcTable[(value ^ byte) & 255]! ^ (value >>> 8)) >>> 0
  return (value ^ 0xffffffff) >>> 0
}

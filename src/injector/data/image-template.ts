import { deflateSync } from 'node:zlib'
import { createRandom } from '../../core/random.ts'
import { pngChunk, type ImageTemplate } from '../policy/workload/synthetic-image.ts'

/** Squares of this size with some noise: compresses about as well as a photograph does, 1 to 2 bits a pixel. */
const tile = 16
const noiseShare = 0.15

/** What all synthetic images of a run have in common. */
export function createImageTemplate(width: number, height: number): ImageTemplate {
  const random = createRandom(1)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // 8 bits a pixel, by palette.
  header[8] = 8
  header[9] = 3
  const columns = Math.ceil(width / tile)
  const tiles = Uint8Array.from(
    { length: columns * Math.ceil(height / tile) },
    () => random() * 256,
  )
  const pixels = Buffer.alloc(height * (width + 1))
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      pixels[y * (width + 1) + 1 + x] =
        random() < noiseShare
          ? random() * 256
          : tiles[Math.floor(y / tile) * columns + Math.floor(x / tile)]!
  return {
    head: Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      pngChunk('IHDR', header),
    ]),
    tail: Buffer.concat([pngChunk('IDAT', deflateSync(pixels)), pngChunk('IEND', Buffer.alloc(0))]),
  }
}

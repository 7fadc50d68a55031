const blockElements = 32
const blockBytes = 34

/**
 * ggml's Q8_0: of each 32 numbers one float16 scale, then 32 signed bytes. Every step is rounded to float32 and
 * halves go to the even neighbour, so that the result is the same, bit for bit, as that of llama.cpp's own tools.
 */
export function quantiseQ8(values: Float32Array): Uint8Array {
  const blocks = values.length / blockElements
  const bytes = new Uint8Array(blocks * blockBytes)
  const view = new DataView(bytes.buffer)
  for (let block = 0; block < blocks; block++) {
    const from = block * blockElements
    const to = block * blockBytes
    let largest = 0
    for (let index = from; index < from + blockElements; index++) {
      const size = Math.abs(values[index]!)
      if (size > largest) largest = size
    }
    const scale = Math.fround(largest / 127)
    const inverse = scale > 0 ? Math.fround(1 / scale) : 0
    view.setFloat16(to, scale, true)
    for (let index = 0; index < blockElements; index++)
      bytes[to + 2 + index] = roundHalfEven(Math.fround(values[from + index]! * inverse))
  }
  return bytes
}

/** float16 of each number, nearest, halves to even. */
export const toFloat16 = (values: Float32Array): Uint8Array =>
  new Uint8Array(Float16Array.from(values).buffer)

export const toBytes = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** From little-endian float16 bytes at any alignment. */
export const fromFloat16 = (bytes: Uint8Array): Float32Array =>
  Float32Array.from(new Float16Array(copy(bytes)))

/** From little-endian float32 bytes at any alignment. */
export const fromFloat32 = (bytes: Uint8Array): Float32Array => new Float32Array(copy(bytes))

/** A typed array of wider numbers needs a buffer of its own that starts on a whole number. */
const copy = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer

/** Adding 1.5 × 2^52 leaves a double no room for a fraction: the processor rounds for us. */
const noFraction = 6_755_399_441_055_744
const roundHalfEven = (value: number): number => value + noFraction - noFraction

import { writeFileSync } from 'node:fs'

export interface Tensor {
  readonly shape: readonly number[]
  readonly data: () => Float32Array
}

/** Writes a file of float32 tensors as PyTorch's users read it. */
export function writeSafetensors(path: string, tensors: Iterable<readonly [string, Tensor]>): void {
  const header: Record<string, object> = {}
  const bodies: Buffer[] = []
  let end = 0
  for (const [name, { shape, data }] of tensors) {
    const { buffer, byteOffset, byteLength } = data()
    bodies.push(Buffer.from(buffer, byteOffset, byteLength))
    header[name] = { dtype: 'F32', shape, data_offsets: [end, (end += byteLength)] }
  }
  const text = JSON.stringify({ __metadata__: { format: 'pt' }, ...header })
  const head = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(head.length))
  writeFileSync(path, Buffer.concat([size, head, ...bodies]))
}

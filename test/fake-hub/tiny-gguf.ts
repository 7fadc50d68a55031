import { createRandom } from '../../src/core/random.ts'
import { encodeGguf, type GgufField } from '../../src/models/gguf/encode.ts'

/** A sound GGUF file of some 270 KB that no engine could answer with. The same seed gives the same bytes. */
export function tinyGguf(seed: number, fields: readonly GgufField[] = []): Buffer {
  const random = createRandom(seed)
  const data = Buffer.from(Array.from({ length: 262_144 }, () => Math.floor(random() * 256)))
  const tensor = { name: 'token_embd.weight', type: 'F32' as const, shape: [256, 256] }
  return Buffer.concat([
    ...encodeGguf(
      [
        ['general.architecture', 'string', 'llama'],
        ['general.name', 'string', `Tiny ${seed}`],
        ['general.file_type', 'u32', 0],
        ...fields,
      ],
      [{ ...tensor, data: () => data }],
    ),
  ])
}

/**
 * Which replica has read which beginnings of prompts. A prompt is cut into blocks of bytes; each block's name stands for
 * all before it, too. What engines have thrown out of their caches meanwhile it does not know: it forgets the oldest.
 */
export interface PrefixIndex {
  readonly blocks: Map<number, string>
}

/** Some hundred tokens: less is not worth going elsewhere for. */
export const blockBytes = 512
/** 64 KiB of a prompt. */
const blocksOfPromptMax = 128
const blocksMax = 1 << 16

export const createPrefixIndex = (): PrefixIndex => ({ blocks: new Map() })

/** Names of the whole blocks of a prompt. */
export function prefixBlocks(body: Buffer, from: number, to: number): number[] {
  const names: number[] = []
  let low = 0x811c9dc5 | 0
  let high = 0x9747b28c | 0
  const end = Math.min(to, from + blocksOfPromptMax * blockBytes)
  for (let at = from; at + blockBytes <= end; at += blockBytes) {
    for (let word = at; word < at + blockBytes; word += 4) {
      const bits = body.readInt32LE(word)
      low = Math.imul(low ^ bits, 0x01000193)
      high = Math.imul(high + bits, 0x85ebca6b) ^ (high >>> 15)
    }
    names.push((low >>> 0) * 2 ** 21 + ((high >>> 0) & (2 ** 21 - 1)))
  }
  return names
}

/** How many blocks from the first on `replica` was the last to read. */
export function sharedBlocks(
  index: PrefixIndex,
  names: readonly number[],
  replica: string,
): number {
  let count = 0
  while (count < names.length && index.blocks.get(names[count]!) === replica) count++
  return count
}

/** `replica` reads this prompt now. */
export function noteRead({ blocks }: PrefixIndex, names: readonly number[], replica: string): void {
  for (const name of names) {
    // Behind all others: what is read again is forgotten last.
    blocks.delete(name)
    blocks.set(name, replica)
  }
  for (const oldest of blocks.keys()) {
    if (blocks.size <= blocksMax) return
    blocks.delete(oldest)
  }
}

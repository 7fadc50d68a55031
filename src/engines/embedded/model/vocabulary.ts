/** What a token means in bytes. A character may be spread over several tokens. */
export interface Vocabulary {
  readonly size: number
  readonly bosToken: number | null
  /** Text to tokens; the names of special tokens in it count as those tokens. */
  tokenize(text: string): Uint32Array
  /** Bytes of the text a token stands for; none for control tokens. */
  bytesOf(token: number): Uint8Array
  /** Name of any token, control tokens too, for log probabilities. */
  nameOf(token: number): string
  isEnd(token: number): boolean
}

/** A token as the model file spells it, and what kind it is. */
export interface RawToken {
  readonly text: string
  /** Bits of llama.cpp's `llama_token_attr`. */
  readonly attributes: number
}

/** How the file spells tokens: `spm` with ▁ for a blank, `bpe` with a letter for each byte. */
export type Spelling = 'spm' | 'bpe'

/** Bytes of a token's text, as llama.cpp's `token_to_piece` does it. */
export function decodeToken({ text, attributes }: RawToken, spelling: Spelling): Uint8Array {
  if (attributes & (unknownBit | controlBit)) return nothing
  if (attributes & userDefinedBit) return encoder.encode(text)
  if (attributes & byteBit) return Uint8Array.of(Number.parseInt(text.slice(3, 5), 16))
  if (spelling === 'spm') return encoder.encode(text.replaceAll('▁', ' '))
  return decodeByteLetters(text)
}

const unknownBit = 1 << 0
const controlBit = 1 << 3
const userDefinedBit = 1 << 4
const byteBit = 1 << 5

const encoder = new TextEncoder()
const nothing = new Uint8Array(0)

/** GPT-2 spells bytes with printable letters: those that are printable as themselves, the rest from U+0100 on. */
const byteOfLetter = new Map<string, number>()
{
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
    byteOfLetter.set(String.fromCodePoint(isPrintable ? byte : next++), byte)
  }
}

function decodeByteLetters(text: string): Uint8Array {
  const bytes: number[] = []
  for (const letter of text) {
    const byte = byteOfLetter.get(letter)
    if (byte === undefined) bytes.push(...encoder.encode(letter))
    else bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}

import type { Vocabulary } from '../embedded/model/vocabulary.ts'

/** A word is a token, and a number stands for each: what a prompt is about does not matter, whether it was seen does. */
export const wordVocabulary: Vocabulary = {
  size: 2 ** 32,
  bosToken: null,
  tokenize: (text) => Uint32Array.from(text.match(piece) ?? [], hashOf),
  bytesOf: (token) => spelled[token] ?? nothing,
  nameOf: (token) => words[token] ?? `<${token}>`,
  isEnd: () => false,
}

/** Tokens of the answer to a prompt, as places in the list of words: the same prompt gets the same answer. */
export function answerTo(prompt: Uint32Array, tokens: number): Uint32Array {
  let state = prompt.reduce((sum, token) => Math.imul(sum ^ token, prime), offset)
  return Uint32Array.from({ length: tokens }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state % words.length
  })
}

/** Where an answer ends by itself: between 16 and 512 tokens, most about 150. */
export function naturalLength(prompt: Uint32Array): number {
  const [first = 0, second = 0] = answerTo(prompt, 2)
  const share = (first * words.length + second) / words.length ** 2
  return Math.min(512, 16 + Math.round(-134 * Math.log(1 - share)))
}

/** Names of blocks of 16 tokens, each standing for all before it too: whole numbers below 2^42. */
export function blockHashes(prompt: Uint32Array, answer: Uint32Array): number[] {
  const hashes: number[] = []
  let high = offset
  let low = 1
  const count = prompt.length + answer.length
  for (let at = 0; at < count; at++) {
    const token = at < prompt.length ? prompt[at]! : wordHashes[answer[at - prompt.length]!]!
    high = Math.imul(high ^ token, prime)
    low = Math.imul(low + token, 0x85eb_ca6b) ^ (low >>> 13)
    if (at % 16 === 15) hashes.push((high >>> 0) * 1024 + ((low >>> 0) & 1023))
  }
  return hashes
}

/** Words with what is written on to them; a control token of a template is one. */
const piece = /<\|\w+\|>|[\p{L}\p{N}]{1,12}|[^\s\p{L}\p{N}]{1,4}/gu
const prime = 0x0100_0193
const offset = 0x811c_9dc5 | 0

function hashOf(word: string): number {
  let hash = offset
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), prime)
  return hash >>> 0
}

const words = (
  'the of and to in is that for it as was with be by on not he this are or his from at which but have an they you one ' +
  'all we can her has there been if more when will would who so no out up into do any your what than some its about ' +
  'time only two other new may then these first like over such our man me even most made after also did many before ' +
  'must through back years where much way well down should because each just those people how too little state good ' +
  'very make world still own see men work long get here between both life being under never day same another know ' +
  'while last might us great old year off come since against go came right used take three'
).split(' ')
const wordHashes = words.map(hashOf)
const encoder = new TextEncoder()
const spelled = words.map((word) => encoder.encode(` ${word}`))
const nothing = new Uint8Array(0)

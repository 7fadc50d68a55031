import { describe, expect, it } from 'vitest'
import { chooseDecode, choosePrefill, type PairedView } from './pair.ts'
import {
  blockBytes,
  createPrefixIndex,
  noteRead,
  prefixBlocks,
  sharedBlocks,
} from './prefix-index.ts'

const replica = (id: string, tokensInFlight = 0, isAvailable = true): PairedView => ({
  id,
  tokensInFlight,
  isAvailable,
  inFlight: 0,
})
const view = (...replicas: PairedView[]) => ({
  replicas,
  targets: [{ weight: 1, from: 0, to: replicas.length }],
})
const random = () => 0
const body = (text: string) => Buffer.from(text)
const promptOf = (bytes: Buffer) => ({
  tokens: Math.ceil(bytes.length / 4),
  bytes: bytes.length,
  blocks: prefixBlocks(bytes, 0, bytes.length),
})
const empty = createPrefixIndex()
const long = promptOf(body('a'.repeat(8 * blockBytes)))

describe('who reads a prompt', () => {
  it('has the least to read before it', () => {
    const choice = choosePrefill(
      view(replica('a', 900), replica('b', 100)),
      long,
      empty,
      [],
      random,
    )
    expect(choice).toMatchObject({ replica: 1, reason: 'least-to-read', tokens: long.tokens })
  })

  it('has read its beginning, as long as the queue there is shorter than what that saves', () => {
    const index = createPrefixIndex()
    noteRead(index, long.blocks, 'a')
    const at = (queue: number) =>
      choosePrefill(view(replica('a', queue), replica('b')), long, index, [], random)!
    expect(at(100)).toMatchObject({ replica: 0, reason: 'prefix-read-there', tokens: 1 })
    expect(at(long.tokens + 100)).toMatchObject({ replica: 1, reason: 'least-to-read' })
  })

  it('is not one that is away or has failed it, while there is another', () => {
    const all = view(replica('a', 0, false), replica('b', 50), replica('c', 99))
    expect(choosePrefill(all, long, empty, [], random)?.replica).toBe(1)
    expect(choosePrefill(all, long, empty, ['b'], random)).toMatchObject({
      replica: 2,
      reason: 'only-one',
    })
    expect(choosePrefill(all, long, empty, ['b', 'c'], random)?.reason).toBe('already-tried')
    expect(choosePrefill(view(replica('a', 0, false)), long, empty, [], random)).toBeNull()
    expect(choosePrefill(view(), long, empty, [], random)).toBeNull()
  })

  it('is drawn by weight where a new revision reads some of them', () => {
    const both = {
      replicas: [replica('old'), replica('new')],
      targets: [
        { weight: 0.9, from: 0, to: 1 },
        { weight: 0.1, from: 1, to: 2 },
      ],
    }
    const picks = Array.from({ length: 100 }, (_, at) =>
      choosePrefill(both, long, empty, [], () => at / 100),
    )
    expect(picks.filter((one) => one?.replica === 1)).toHaveLength(10)
  })
})

describe('who writes an answer', () => {
  it('holds the fewest tokens', () => {
    const all = view(replica('a', 700), replica('b', 300), replica('c', 300, false))
    expect(chooseDecode(all, [], random)).toEqual({ replica: 1, reason: 'less-loaded' })
    expect(chooseDecode(all, ['a', 'b'], random)?.reason).toBe('already-tried')
  })

  it('belongs to the cohort of the request where it can', () => {
    const both = {
      replicas: [replica('new', 10_000), replica('old')],
      targets: [
        { weight: 0.1, from: 0, to: 1 },
        { weight: 0.9, from: 1, to: 2 },
      ],
    }
    expect(chooseDecode(both, [], () => 0.9, 0)?.replica).toBe(0)
    both.replicas[0] = replica('new', 0, false)
    expect(chooseDecode(both, [], () => 0.9, 0)?.replica).toBe(1)
  })
})

describe('beginnings of prompts', () => {
  it('are shared up to the first block that differs', () => {
    const shared = 'x'.repeat(4 * blockBytes)
    const one = prefixBlocks(body(`${shared}one${'y'.repeat(2 * blockBytes)}`), 0, 6 * blockBytes)
    const two = prefixBlocks(body(`${shared}two${'y'.repeat(2 * blockBytes)}`), 0, 6 * blockBytes)
    const index = createPrefixIndex()
    noteRead(index, one, 'a')
    expect(sharedBlocks(index, two, 'a')).toBe(4)
    expect(sharedBlocks(index, two, 'b')).toBe(0)
    expect(prefixBlocks(body('short'), 0, 5)).toEqual([])
  })

  it('are forgotten, the oldest first, once there are too many', () => {
    const index = createPrefixIndex()
    const names = (from: number) => Array.from({ length: 40_000 }, (_, at) => from + at)
    noteRead(index, names(0), 'a')
    noteRead(index, [1, 2], 'a')
    noteRead(index, names(100_000), 'b')
    expect(index.blocks.size).toBe(2 ** 16)
    expect(index.blocks.has(1)).toBe(true)
    expect(index.blocks.has(5)).toBe(false)
  })
})

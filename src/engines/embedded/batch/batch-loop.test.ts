import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { createBatchLoop, type BatchLoop } from './batch-loop.ts'
import type { Generation, GenerationEnd } from './generation.ts'
import { createScriptedSession, type ScriptedSession } from './scripted-session.ts'
import { createStepTuner } from './step-tuner.ts'

const countUp = (tokens: readonly number[]): number => (tokens.at(-1) ?? 0) + 1

interface Heard {
  readonly tokens: number[]
  readonly ended: Promise<GenerationEnd>
}

function setUp(options: { sequences?: number; queueMax?: number } = {}) {
  const session = createScriptedSession({ sequences: options.sequences ?? 2, next: countUp })
  const broken: string[] = []
  const loop = createBatchLoop(
    {
      queueMax: options.queueMax ?? 8,
      limits: { batchTokens: 64, aloneMs: 1e9, sharedMs: 1e9 },
    },
    {
      session,
      tuner: createStepTuner([1]),
      clock: systemClock,
      onEnd: () => {},
      onBroken: (error) => broken.push(error.message),
    },
  )
  return { session, loop, broken }
}

function submit(
  loop: BatchLoop,
  prompt: readonly number[],
  changes: Partial<Generation> = {},
): { generation: Generation; heard: Heard } {
  const { promise, resolve } = Promise.withResolvers<GenerationEnd>()
  const tokens: number[] = []
  const generation: Generation = {
    prompt: Uint32Array.from(prompt),
    maxTokens: 3,
    sampling: {
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0,
      seed: 0,
      presencePenalty: 0,
      frequencyPenalty: 0,
      repetitionPenalty: 1,
      logitBias: new Map(),
      grammar: null,
      ignoreEnd: false,
    },
    wantsDistributions: false,
    wantsPromptDistributions: false,
    isCancelled: false,
    onToken(token) {
      tokens.push(token)
      return true
    },
    onEnd: resolve,
    ...changes,
  }
  loop.submit([generation])
  return { generation, heard: { tokens, ended: promise } }
}

/** Holds every step until it is let go. */
function hold(session: ScriptedSession): () => void {
  const gate = Promise.withResolvers<void>()
  session.beforeStep = () => gate.promise
  return () => {
    session.beforeStep = () => Promise.resolve()
    gate.resolve()
  }
}

describe('batch loop', () => {
  it('reads the prompt and makes tokens up to the limit', async () => {
    const { loop } = setUp()
    const { heard } = submit(loop, [10, 11, 12])
    const end = await heard.ended
    expect(heard.tokens).toEqual([13, 14, 15])
    expect(end).toMatchObject({ reason: 'length', generatedTokens: 3, cachedTokens: 0 })
  })

  it("ends at the model's end token without showing it", async () => {
    const session = createScriptedSession({ sequences: 1, endToken: 12, next: countUp })
    const loop = createBatchLoop(
      { queueMax: 0, limits: { batchTokens: 64, aloneMs: 1e9, sharedMs: 1e9 } },
      {
        session,
        tuner: createStepTuner([1]),
        clock: systemClock,
        onEnd: () => {},
        onBroken: () => {},
      },
    )
    const { heard } = submit(loop, [10], { maxTokens: 50 })
    expect(await heard.ended).toMatchObject({ reason: 'stop', generatedTokens: 2 })
    expect(heard.tokens).toEqual([11])
  })

  it('computes all running generations in one step', async () => {
    const { loop, session } = setUp({ sequences: 3 })
    const all = [submit(loop, [1]), submit(loop, [100]), submit(loop, [200])]
    await Promise.all(all.map(({ heard }) => heard.ended))
    expect(session.steps[1]).toEqual([
      { sequence: 0, tokens: 1 },
      { sequence: 1, tokens: 1 },
      { sequence: 2, tokens: 1 },
    ])
    expect(all.map(({ heard }) => heard.tokens)).toEqual([
      [2, 3, 4],
      [101, 102, 103],
      [201, 202, 203],
    ])
  })

  it('lets a newcomer join while others run', async () => {
    const { loop, session } = setUp()
    const open = hold(session)
    const early = submit(loop, [1], { maxTokens: 30 })
    await expect.poll(() => loop.state().running).toBe(1)
    const late = submit(loop, [100], { maxTokens: 2 })
    open()
    await late.heard.ended
    expect(early.heard.tokens.length).toBeLessThan(30)
    expect((await early.heard.ended).generatedTokens).toBe(30)
  })

  it('remembers a prefix and computes only the rest of a prompt', async () => {
    const { loop, session } = setUp()
    await submit(loop, [1, 2, 3, 4]).heard.ended
    const { heard } = submit(loop, [1, 2, 3, 4, 5, 6, 50])
    // 5 and 6 are what the model itself had answered.
    expect(await heard.ended).toMatchObject({ cachedTokens: 6 })
    expect(heard.tokens).toEqual([51, 52, 53])
    expect(session.memory[0]!.slice(0, 7)).toEqual([1, 2, 3, 4, 5, 6, 50])
    expect(loop.state()).toMatchObject({ prefixQueryTokens: 11, prefixHitTokens: 6 })
  })

  it('computes the last token of a prompt it knows whole', async () => {
    const { loop } = setUp()
    await submit(loop, [1, 2, 3]).heard.ended
    const { heard } = submit(loop, [1, 2, 3])
    expect(await heard.ended).toMatchObject({ cachedTokens: 2 })
    expect(heard.tokens).toEqual([4, 5, 6])
  })

  it('frees the sequence of a cancelled generation within one step', async () => {
    const { loop, session } = setUp({ sequences: 1 })
    const open = hold(session)
    const first = submit(loop, [1], { maxTokens: 1000 })
    const second = submit(loop, [100])
    await expect.poll(() => session.steps.length).toBe(1)
    first.generation.isCancelled = true
    open()
    expect(await first.heard.ended).toMatchObject({ reason: 'cancelled' })
    await second.heard.ended
    // One step for the cancelled one, the rest for the other.
    expect(session.steps.filter(([part]) => part!.tokens > 0).length).toBe(1 + 3)
    expect(first.heard.tokens).toEqual([])
  })

  it('drops a cancelled generation that still waits', async () => {
    const { loop, session } = setUp({ sequences: 1 })
    const open = hold(session)
    const first = submit(loop, [1])
    const second = submit(loop, [100])
    second.generation.isCancelled = true
    open()
    expect(await second.heard.ended).toMatchObject({ reason: 'cancelled', generatedTokens: 0 })
    await first.heard.ended
  })

  it('stops where the listener has heard enough, and counts no token beyond', async () => {
    const { loop } = setUp()
    const seen: number[] = []
    const { heard } = submit(loop, [1], {
      maxTokens: 100,
      onToken: (token) => seen.push(token) < 3,
    })
    expect(await heard.ended).toMatchObject({ reason: 'stop', generatedTokens: 3 })
    expect(seen).toEqual([2, 3, 4])
    await expect.poll(() => loop.state().running).toBe(0)
  })

  it('refuses what is beyond the queue, whole requests only', async () => {
    const { loop, session } = setUp({ sequences: 1, queueMax: 1 })
    const open = hold(session)
    const running = submit(loop, [1])
    await expect.poll(() => loop.state().running).toBe(1)
    const waiting = submit(loop, [2])
    expect(() => submit(loop, [3])).toThrow(expect.objectContaining({ code: 'engine/busy' }))
    expect(loop.state()).toMatchObject({ running: 1, waiting: 1 })
    open()
    await Promise.all([running.heard.ended, waiting.heard.ended])
  })

  it('fails the generations of a broken step, forgets their memory and goes on', async () => {
    const { loop, session, broken } = setUp()
    session.beforeStep = () => Promise.reject(new Error('no memory'))
    const { heard } = submit(loop, [1, 2])
    const end = await heard.ended
    expect(end.reason).toBe('failed')
    expect(end.error?.message).toContain('no memory')
    expect(session.memory[0]).toEqual([])
    session.beforeStep = () => Promise.resolve()
    expect(await submit(loop, [1, 2]).heard.ended).toMatchObject({
      reason: 'length',
      cachedTokens: 0,
    })
    expect(broken).toEqual([])
  })

  it('gives up after three broken steps in a row', async () => {
    const { loop, session, broken } = setUp()
    session.beforeStep = () => Promise.reject(new Error('no memory'))
    for (const prompt of [[1], [2], [3]]) await submit(loop, prompt).heard.ended
    expect(broken).toHaveLength(1)
  })

  it('hands out the distribution of each prompt token', async () => {
    const { loop } = setUp()
    const positions: number[] = []
    const { heard } = submit(loop, [1, 2, 3], {
      wantsPromptDistributions: true,
      onPromptDistribution: (position) => positions.push(position),
    })
    await heard.ended
    expect(positions).toEqual([1, 2])
  })
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import { createStepModel } from '../../server/simulated/step-model.ts'
import { engineContract } from '../engine.contract.ts'
import type { RunningEngine } from '../run-engine.ts'
import { simulatedFlags } from './flags.ts'
import { startSimulatedEngine } from './simulated-process.ts'
import { simulatedEngine, simulationOf } from './simulated.ts'

const deployment = deploymentSpec.parse({
  name: 'rehearsal',
  model: 'llama-3.1-8b',
  engine: 'simulated',
  hardware: 'h100',
})
const flags = simulationOf({ deployment, host: '127.0.0.1', port: 0 })

describe('simulated engine', () => {
  let engine: RunningEngine
  beforeAll(async () => {
    engine = await startSimulatedEngine(flags, createStepModel(flags), () => {})
  })
  afterAll(() => engine.drain(0))

  engineContract('simulated', simulatedEngine, () => Promise.resolve(engine))

  const complete = async (body: object) => {
    const response = await fetch(`${engine.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    return (await response.json()) as {
      usage: { completion_tokens: number; prompt_tokens_details: { cached_tokens: number } }
      choices: { text: string; finish_reason: string }[]
    }
  }

  it('finds in memory what it has seen, its own answers too', async () => {
    const prompt = Array.from({ length: 64 }, (_, at) => `word${at}`).join(' ')
    const first = await complete({ prompt, max_tokens: 16, ignore_eos: true })
    expect(first.usage.prompt_tokens_details.cached_tokens).toBe(0)
    const next = `${prompt}${first.choices[0]!.text} and then`
    const second = await complete({ prompt: next, max_tokens: 4 })
    // All but the last block of 16, whose last token brings the answer.
    expect(second.usage.prompt_tokens_details.cached_tokens).toBeGreaterThanOrEqual(64)
  })

  it('ends by itself where nobody says how long', async () => {
    const { choices, usage } = await complete({ prompt: 'Tell me something', max_tokens: 2000 })
    expect(choices[0]!.finish_reason).toBe('stop')
    expect(usage.completion_tokens).toBeLessThanOrEqual(512)
  })

  it('decodes at once what another replica has read', () => {
    const firstStepMs = (isRead: boolean): number => {
      const model = createStepModel(flags)
      const blockHashes = Array.from({ length: 250 }, (_, at) => at)
      const id = model.add({ promptTokens: 4000, answerTokens: 2, blockHashes, isRead })
      expect(model.enqueue(id)).toBeNull()
      const endMs = model.startStep(0)!
      model.endStep()
      expect(model.load().kvUsage).toBeGreaterThan(0)
      return endMs
    }
    expect(firstStepMs(true)).toBeLessThan(firstStepMs(false) / 4)
    const model = createStepModel(flags)
    expect(model.transferMs(4000)).toBeGreaterThan(model.transferMs(100))
  })

  it('is told everything on its command line', () => {
    const { argv, warnings } = simulatedEngine.launch({
      id: 'r',
      deployment,
      modelPath: '',
      host: '127.0.0.1',
      port: 7,
    })
    expect(simulatedFlags.read(argv.slice(2))).toEqual({ ...flags, port: 7 })
    expect(warnings).toEqual([])
  })

  it.each([
    [{ hardware: undefined }, /stands for/],
    [{ hardware: 'abacus:2' }, /abacus/],
    [{ model: 'gpt-9000' }, /gpt-9000/],
    [{ model: 'llama-3.1-405b' }, /needs/],
  ])('refuses %j', (changes, message) => {
    const asked = { ...deployment, ...changes }
    expect(() => createStepModel(simulationOf({ deployment: asked, host: '', port: 0 }))).toThrow(
      message,
    )
  })
})

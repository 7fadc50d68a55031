import { describe, expect, it } from 'vitest'
import { countParameters, measuredName, moeLayers } from '../model-facts.ts'
import { modelCatalogue } from './catalogue.ts'
import { resolveModel, suggestModels } from './resolve-model.ts'

describe('model catalogue', () => {
  it('has at least fifty models, each with a source', () => {
    expect(modelCatalogue.length).toBeGreaterThanOrEqual(50)
    expect(modelCatalogue.every(({ facts }) => facts.source.includes(String(facts.repo)))).toBe(
      true,
    )
  })

  it.each(modelCatalogue.map((entry) => [entry.facts.name, entry] as const))(
    'counts as many parameters for %s as its publisher reports',
    (_, { facts, reportedB }) => {
      const { total, active } = countParameters(facts)
      expect(Math.abs(total / 1e9 / reportedB - 1)).toBeLessThan(0.03)
      expect(active).toBeLessThanOrEqual(total)
    },
  )

  it('finds every other layer of a model that mixes dense and sparse ones', () => {
    const maverick = resolveModel('Llama-4-Maverick-17B-128E-Instruct')
    expect(maverick && moeLayers(maverick)).toBe(24)
  })
})

describe('resolveModel', () => {
  it.each([
    ['LLaMA v3.1 70B', 'Llama-3.1-70B-Instruct'],
    ['meta-llama/Llama-3.1-8B-Instruct', 'Llama-3.1-8B-Instruct'],
    ['nvidia/Llama-3.1-8B-Instruct-FP8', 'Llama-3.1-8B-Instruct'],
    ['llama2-70b-99', 'Llama-2-70b-hf'],
    ['DeepSeek R1 0528', 'DeepSeek-R1'],
    ['DeepSeek-R1-Distill-Qwen-32B', 'DeepSeek-R1-Distill-Qwen-32B'],
    ['llama-3.3-70b', 'Llama-3.3-70B-Instruct'],
    ['GPTJ 6B', 'gpt-j-6b'],
    ['Mistral 7B', 'Mistral-7B-Instruct-v0.3'],
    ['mistralai/Mistral-7B-v0.1', 'Mistral-7B-v0.1'],
    ['Qwen/Qwen3-235B-A22B-FP8', 'Qwen3-235B-A22B'],
    ['RedHatAI/Llama-4-Scout-17B-16E-Instruct-FP8-dynamic', 'Llama-4-Scout-17B-16E-Instruct'],
    ['NousResearch/Hermes-3-Llama-3.1-8B', 'Llama-3.1-8B-Instruct'],
  ])('reads %s as %s', (name, expected) => {
    expect(resolveModel(name)?.name).toBe(expected)
  })

  it('does not take one size for another', () => {
    expect(resolveModel('Llama-3.1-80B')).toBeNull()
    expect(resolveModel('nothing-of-the-kind')).toBeNull()
    expect(suggestModels('Llama-3.1-80B')).toContain('Llama-3.1-8B-Instruct')
  })
})

describe('a variant', () => {
  it('is loaded as itself and takes as long as the model of its shape', () => {
    const facts = resolveModel('deepseek-r1')!
    expect(facts).toMatchObject({ name: 'DeepSeek-R1', repo: 'deepseek-ai/DeepSeek-R1' })
    expect(measuredName(facts)).toBe('DeepSeek-V3')
    const { name: _, repo: __, source: ___, measuredAs: ____, ...shape } = facts
    expect(resolveModel('deepseek-v3')).toMatchObject(shape)
  })
})

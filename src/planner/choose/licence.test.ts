import { describe, expect, it } from 'vitest'
import { modelCatalogue } from '../models/catalogue.ts'
import { licenceOf } from './licence.ts'

describe('licenceOf', () => {
  it('knows most models that are built in, each from somebody', () => {
    const repos = modelCatalogue.map(({ facts }) => facts.repo)
    const found = repos.flatMap((repo) => licenceOf(repo) ?? [])
    expect(found.length).toBeGreaterThan(repos.length * 0.8)
    for (const { source } of found) expect(source).toMatch(/\.(com|co|ai|dev)/)
  })

  it.each([
    ['Qwen/Qwen2.5-7B-Instruct', 'Apache-2.0', true],
    ['Qwen/Qwen2.5-3B-Instruct', 'Qwen Research, not commercial', false],
    ['Qwen/Qwen2.5-72B-Instruct', 'Qwen', true],
    ['mistralai/Mistral-Large-Instruct-2407', 'Mistral Research, not commercial', false],
    ['deepseek-ai/DeepSeek-V3', 'DeepSeek Model', true],
    ['deepseek-ai/DeepSeek-R1', 'MIT', true],
  ])('%s: %s', (repo, name, isCommercial) =>
    expect(licenceOf(repo)).toMatchObject({ name, isCommercial }),
  )

  it.each([null, 'tiiuae/falcon-180B', 'somebody/something'])('does not guess that of %s', (repo) =>
    expect(licenceOf(repo)).toBeNull(),
  )
})

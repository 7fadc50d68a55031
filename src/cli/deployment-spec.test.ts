import { describe, expect, it } from 'vitest'
import { nameFrom, specFromFlags, specsFromYaml } from './deployment-spec.ts'

describe('nameFrom', () => {
  it.each([
    ['bundled:minimind2-small', 'minimind2-small'],
    ['hf:Org/Repo/TinyLlama.Q4_K_M.gguf', 'tinyllama-q4-k-m'],
    ['Org/Repo', 'repo'],
    ['/models/My Model.GGUF', 'my-model'],
    ['https://host/a/b.gguf?download=true', 'b'],
    ['npm:@scope/package', 'package'],
    [`${'x'.repeat(80)}.gguf`, 'x'.repeat(63)],
  ])('%s → %s', (model, name) => expect(nameFrom(model)).toBe(name))
})

const flags = {
  name: undefined,
  replicas: undefined,
  route: undefined,
  task: undefined,
  engine: undefined,
  hardware: undefined,
  runtime: undefined,
  set: [],
}

describe('specFromFlags', () => {
  it('fills in the defaults', () => {
    expect(specFromFlags('tiny', flags)).toMatchObject({
      name: 'tiny',
      replicas: 1,
      engine: 'embedded',
      settings: { threads: 'auto' },
    })
  })

  it('reaches into settings with a dot', () => {
    const set = [
      'speculation.method=ngram',
      'speculation.tokens=4',
      'offload.kvGiB=2.5',
      'threads=2',
    ]
    expect(specFromFlags('tiny', { ...flags, set }).settings).toMatchObject({
      speculation: { method: 'ngram', tokens: 4 },
      offload: { kvGiB: 2.5, weightsGiB: 'auto' },
      threads: 2,
    })
  })

  it('takes lists as JSON', () => {
    const set = [
      'extraArguments=["--seed=7","--swa-full"]',
      'lora.adapters=[{"name":"a","path":"a.gguf"}]',
    ]
    expect(specFromFlags('m', { ...flags, set }).settings).toMatchObject({
      extraArguments: ['--seed=7', '--swa-full'],
      lora: { adapters: [{ name: 'a', path: 'a.gguf' }] },
    })
    expect(() => specFromFlags('m', { ...flags, set: ['extraArguments=[--seed]'] })).toThrow(
      'extraArguments: [--seed] is no JSON',
    )
  })

  it('says which flag the name needs where the model gives none', () => {
    expect(() => specFromFlags('…', flags)).toThrow(/name: use lower-case/)
  })
})

describe('specsFromYaml', () => {
  it.each([
    ['one', 'name: a\nmodel: m'],
    ['a list', '- name: a\n  model: m'],
    ['a config', 'gateway: {}\ndeployments:\n- name: a\n  model: m'],
  ])('takes %s', (_, text) => {
    expect(specsFromYaml(text, 'f')).toMatchObject([{ name: 'a', model: 'm', replicas: 1 }])
  })

  it.each(['', '[]', 'hello', '- name: a'])('refuses %j', (text) => {
    expect(() => specsFromYaml(text, 'f')).toThrow(/^f:1/)
  })
})

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { config } from '../contract/config.ts'
import { deploymentSpec } from '../contract/deployment.ts'
import { nodeConfig } from '../contract/runtimes.ts'
import type { AppError } from '../core/errors.ts'
import { configPathOf, loadConfig, parseYaml, readConfigFile } from './config-file.ts'
import { readEnvironment } from './environment.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen config '))
afterAll(() => rmSync(directory, { recursive: true }))
const environment = readEnvironment({ HOME: directory })

const faults = (text: string): string => {
  try {
    parseYaml(text, 'c.yaml', config)
    return ''
  } catch (thrown) {
    expect((thrown as AppError).code).toBe('config/invalid')
    return (thrown as AppError).message
  }
}

describe('parseYaml', () => {
  it('takes an empty file', () => {
    expect(parseYaml('# nothing yet\n', 'c.yaml', config)).toEqual(config.parse({}))
  })

  it.each([
    ['gateway:\n  port: 99999', 'c.yaml:2: gateway.port: expected number to be <=65535'],
    ['gateway: {prt: 1}', 'c.yaml:1: gateway.prt: there is no such setting'],
    ['\n\nlog:\n  level: loud', 'c.yaml:4: log.level: expected one of "trace"|"debug"'],
    [
      'gateway:\n  processes: many',
      'c.yaml:2: gateway.processes: expected "auto", or expected number',
    ],
    [
      'gateway:\n  holdTimeout: 60',
      'c.yaml:2: gateway.holdTimeout: write it like 500ms, 30s or 10m',
    ],
    ['gateway:\n  holdTimeout: 60 years', 'gateway.holdTimeout: write it like 500ms, 30s or 10m'],
    [
      'deployments:\n- name: a\n  model: m\n- name: B c\n  model: m',
      'c.yaml:4: deployments[1].name: use lower-case',
    ],
    ['deployments:\n- name: a', 'c.yaml:2: deployments[0].model: expected string'],
    ['[1, 2]', 'c.yaml:1: expected object, received array'],
    ['gateway: [', 'c.yaml:1:11: not YAML'],
    [
      'deployments:\n  - {name: a, model: m}\n  - {name: a, model: m}',
      'c.yaml:3: deployments[1].name: another deployment above is named "a" as well',
    ],
    ['a: 1\na: 2', 'c.yaml:2:1: not YAML: Map keys must be unique'],
  ])('%j', (text, message) => expect(faults(text)).toContain(message))

  it('tells all faults at once', () => {
    expect(faults('gateway:\n  port: x\nlog:\n  level: y\n').split('\n')).toHaveLength(2)
  })

  it('does not unfold a bomb of aliases', () => {
    const levels = Array.from({ length: 12 }, (_, n) =>
      n === 0
        ? 'a0: &a0 [x, x]'
        : `a${n}: &a${n} [${Array(9)
            .fill(`*a${n - 1}`)
            .join(', ')}]`,
    )
    expect(faults(levels.join('\n'))).toContain('alias')
  })

  it('fails in words on any text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(typeof faults(text)).toBe('string')
      }),
    )
  })
})

describe('loadConfig', () => {
  const file = join(directory, 'my.yaml')
  writeFileSync(
    file,
    'data: data\ngateway: {port: 1000, host: "::1"}\nmodels: {directory: ~/models}\n' +
      'deployments:\n- {name: a, model: ./a.gguf}\n- {name: b, model: pulled}\n',
  )

  it('puts flags over the file, and the file over defaults', () => {
    const loaded = loadConfig(environment, file, { port: 2000, logLevel: 'debug' })
    expect(loaded.config.gateway).toMatchObject({ port: 2000, host: '::1', processes: 'auto' })
    expect(loaded.config.log).toEqual({ level: 'debug', prompts: false })
    expect(loaded.path).toBe(file)
  })

  it('counts paths from the file', () => {
    const { data, models, deployments } = loadConfig(environment, file).config
    expect(data).toBe(join(directory, 'data'))
    expect(models.directory).toBe(join(directory, 'models'))
    expect(deployments?.map(({ model }) => model)).toEqual([join(directory, 'a.gguf'), 'pulled'])
  })

  it('gives nobody a config to change', () => {
    const { config: loaded } = loadConfig(environment, file)
    expect(() => Object.assign(loaded.gateway, { port: 1 })).toThrow(TypeError)
  })

  it('finds the file by flag, variable, or in its usual place', () => {
    expect(configPathOf(environment, undefined)).toBe(null)
    expect(loadConfig(environment, undefined).config.gateway.port).toBe(8080)
    const named = readEnvironment({ HOME: directory, BALEEN_CONFIG: file })
    expect(configPathOf(named, undefined)).toBe(file)
    expect(configPathOf(named, '/other.yaml')).toBe('/other.yaml')
  })

  it('says which file it can not read', () => {
    expect(() => loadConfig(environment, join(directory, 'none.yaml'))).toThrow(/none\.yaml/)
  })
})

describe('config.example.yaml', () => {
  const path = join(import.meta.dirname, '../../config.example.yaml')
  const text = readFileSync(path, 'utf8')
  const example = parse(text) as Record<string, unknown>

  it('is a valid config', () => expect(() => readConfigFile(path, environment)).not.toThrow())

  it('has comments that are valid, too', () => {
    const text = readFileSync(path, 'utf8')
      .replaceAll(/^(engines|nodes|runtimes|devices): .*$/gm, '$1:')
      .replaceAll(/^#( {2,}.*)$/gm, '$1')
    const { engines, nodes, runtimes, devices } = config.parse(parse(text))
    expect(Object.keys(engines)).toEqual(['llama-server'])
    expect(Object.keys(nodes[0] ?? {}).toSorted()).toEqual(Object.keys(nodeConfig.shape).toSorted())
    expect(Object.values(runtimes).map((one) => one.kind)).toEqual(['docker', 'kubernetes', 'ray'])
    expect(devices).toHaveLength(1)
  })

  it('shows every setting with its default', () => {
    const { deployments, data, models, ...shown } = config.parse(example)
    const { models: _, ...defaults } = config.parse({})
    expect(shown).toEqual(defaults)
    expect({ data, models }).toEqual({
      data: expect.any(String),
      models: { directory: expect.any(String), maxSize: expect.any(Number) },
    })
    expect(Object.keys(example).toSorted()).toEqual(Object.keys(config.shape).toSorted())
    for (const part of ['gateway', 'control', 'log'] as const)
      expect(Object.keys(example[part] as object)).toEqual(Object.keys(defaults[part]))

    const [first] = example['deployments'] as Record<string, object>[]
    const optional = [...text.matchAll(/^ {2}# {3}(\w+):/gm)].map(([, key]) => key)
    const shownOnce = ['hardware', 'scaling', 'slo']
    expect(optional).toEqual(expect.arrayContaining(shownOnce))
    expect(Object.keys(first ?? {})).toEqual(
      Object.keys(deploymentSpec.shape).filter((key) => !shownOnce.includes(key)),
    )
    const commented = text.slice(text.indexOf('  # - name:')).replace(/^ {2}# ?/gm, '')
    expect(() => deploymentSpec.parse((parse(commented) as unknown[])[0])).not.toThrow()
    const { name, model, route, ...rest } = deployments![0]!
    const { name: _name, model: _model, ...restOfDefaults } = deploymentSpec.parse({ name, model })
    expect(rest).toEqual(restOfDefaults)
    expect(route).toBe(name)
    for (const part of ['placement', 'rollout', 'settings'] as const)
      expect(Object.keys((first?.[part] as object) ?? {})).toEqual(
        Object.keys(restOfDefaults[part]),
      )
  })
})

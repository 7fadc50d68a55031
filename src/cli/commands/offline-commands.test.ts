import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { runCommand } from '../cli.fixture.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen offline '))
afterAll(() => rmSync(directory, { recursive: true }))

const file = (name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

describe('config', () => {
  const good = file('good.yaml', 'gateway: {port: 1234}\nlog: {level: debug}\n')
  const bad = file('bad.yaml', 'gateway:\n  port: x\n  prt: 1\n')

  it('checks a file', async () => {
    expect(await runCommand(['config', 'check', good])).toMatchObject({ code: 0, stdout: '' })
    const { code, stdout } = await runCommand(['config', 'check', bad])
    expect(code).toBe(5)
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringContaining(`${bad}:2: gateway.port: expected number`),
      expect.stringContaining(`${bad}:3: gateway.prt: there is no such setting`),
    ])
    const faults = JSON.parse((await runCommand(['config', 'check', bad, '--json'])).stdout).faults
    expect(faults).toHaveLength(2)
    expect((await runCommand(['config', 'check', join(directory, 'none')])).code).toBe(1)
    expect((await runCommand(['config', 'check'])).stderr).toContain('no config file')
  })

  it('prints what is in force', async () => {
    const { stdout } = await runCommand(['config', 'print', '-c', good])
    expect(parse(stdout)).toMatchObject({ gateway: { port: 1234, holdTimeout: 60_000 } })
    const variables = { BALEEN_CONFIG: good, BALEEN_DATA: '/elsewhere' }
    const asJson = (await runCommand(['config', 'print', '--json'], { variables })).stdout
    expect(JSON.parse(asJson)).toMatchObject({ data: '/elsewhere', log: { level: 'debug' } })
  })

  it('prints its schema', async () => {
    const schema = JSON.parse((await runCommand(['config', 'schema'])).stdout)
    expect(schema.properties.gateway.properties.port).toMatchObject({ default: 8080 })
  })
})

describe('doctor', () => {
  it('says what is wrong here, ends with 5 and leaves no trace', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const config = file('busy.yaml', `gateway: {port: ${port}}\ncontrol: {port: 0}\n`)
    const data = join(directory, 'not', 'yet')
    const { code, stdout } = await runCommand(['doctor', '--data', data, '-c', config, '--json'])
    server.close()
    expect(code).toBe(5)
    const findings = JSON.parse(stdout) as { check: string; verdict: string }[]
    expect(findings.filter(({ verdict }) => verdict === 'fail')).toEqual([
      {
        check: 'gateway port',
        verdict: 'fail',
        text: expect.stringContaining('another process listens'),
        mend: expect.stringContaining('--port'),
      },
    ])
    expect(readdirSync(directory)).not.toContain('not')
    const text = (await runCommand(['doctor', '--data', data, '-c', config])).stdout
    for (const { check } of findings) expect(text).toContain(check)
  })

  it('finds a broken config and a data directory that can not be', async () => {
    const broken = file('broken.yaml', 'gateway: 5\n')
    const data = join(broken, 'data')
    const { code, stdout } = await runCommand(['doctor', '--data', data, '-c', broken, '--json'])
    expect(code).toBe(5)
    const failed = (JSON.parse(stdout) as { check: string; verdict: string }[])
      .filter(({ verdict }) => verdict === 'fail')
      .map(({ check }) => check)
    expect(failed).toEqual(expect.arrayContaining(['config', 'data']))
  })
})

describe('model', () => {
  const data = join(directory, 'data')
  mkdirSync(join(data, 'models'), { recursive: true })
  writeFileSync(join(data, 'models', 'stray.gguf'), 'not really')

  it('lists, shows and deletes what is here', async () => {
    const list = await runCommand(['model', 'list', '--data', data, '--json'])
    expect(list.code).toBe(5)
    expect(JSON.parse(list.stdout)).toMatchObject([{ name: 'stray', problem: expect.any(String) }])
    expect((await runCommand(['model', 'list', '--data', data, '--check'])).code).toBe(5)
    expect((await runCommand(['model', 'show', 'stray', '--data', data])).stdout).toContain('stray')
    expect((await runCommand(['model', 'show', 'none', '--data', data])).code).toBe(3)
    expect((await runCommand(['model', 'rm', 'stray', '--data', data])).code).toBe(0)
    expect((await runCommand(['model', 'rm', 'stray', '--data', data])).code).toBe(3)
    expect((await runCommand(['model', 'list', '--data', data])).stderr).toContain('No models yet')
  })

  it('refuses a reference that makes no sense', async () => {
    const { code, stderr } = await runCommand(['model', 'pull', 'ftp://x', '--data', data])
    expect(code).toBe(1)
    expect(stderr).toContain('error: model/bad-reference')
  })
})

describe('manifests', () => {
  const model = file(
    'model.yaml',
    'name: ant\nmodel: hf:Qwen/Qwen2.5-7B-Instruct\nengine: vllm\nreplicas: 2\nhardware: h100:2\n',
  )
  const config = file('clusters.yaml', 'runtimes: {prod: {kind: kubernetes, namespace: llm}}\n')

  it('are the same bytes for the same file', async () => {
    const first = await runCommand(['manifests', '-f', model, '--runtime', 'prod', '-c', config])
    const second = await runCommand(['manifests', '-f', model, '-n', 'llm'])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(second.stdout).toBe(first.stdout)
    const objects = first.stdout.split('---\n').map((text) => parse(text) as Manifest)
    expect(objects.map((one) => [one.kind, one.metadata.namespace])).toEqual([
      ['Deployment', 'llm'],
      ['Service', 'llm'],
      ['PodDisruptionBudget', 'llm'],
    ])
    expect(first.stdout).toContain('nvidia.com/gpu: "2"')
  })

  it('need a file, and a cluster that the config has', async () => {
    expect(await runCommand(['manifests'])).toMatchObject({ code: 2 })
    const unknown = ['manifests', '-f', model, '--runtime', 'nowhere', '-c', config]
    expect((await runCommand(unknown)).stderr).toContain('the config has no cluster "nowhere"')
  })

  it('say what an engine without an image lacks', async () => {
    const small = file('small.yaml', 'name: ant\nmodel: bundled:minimind2-small\n')
    const { code, stderr } = await runCommand(['manifests', '-f', small])
    expect(code).toBe(1)
    expect(stderr).toContain('no container image')
  })
})

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly namespace: string }
}

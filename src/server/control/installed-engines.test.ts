import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import { replicaOf } from '../../engines/adapter.fixture.ts'
import { findEngine } from '../../engines/index.ts'
import { createEngineMemory } from './engine-memory.ts'
import { createInstalledEngines, readInstalled } from './installed-engines.ts'

const help = `----- common params -----
-h,    --help, --usage                  print usage and exit
-t,    --threads N                      number of CPU threads
-c,    --ctx-size N                     size of the prompt context
-np,   --parallel N                     number of server slots
       --metrics                        enable prometheus compatible metrics endpoint`

describe('installed engines', () => {
  it.each([
    ['version: 9844 (6c5de1cc8)\nbuilt with GNU 11.4.0', '9844'],
    ['INFO 11-26 vllm\n0.28.0', '0.28.0'],
    ['0.5.10.post1', '0.5.10.post1'],
    ['command not found', null],
  ])('read %j as %s', (text, version) => {
    expect(readInstalled(text, help).version).toBe(version)
  })

  it('know the flags of the help, or that there was none', () => {
    expect([...readInstalled('', help).flags!]).toContain('--ctx-size')
    expect(readInstalled('', 'Traceback: no module')).toEqual({ version: null, flags: null })
  })

  it('are asked once, and then spoken to in their own words', async () => {
    const calls: string[][] = []
    const engineOf = createInstalledEngines(
      findEngine,
      {
        'llama-server': { program: '/opt/llama-server', environment: { LD_LIBRARY_PATH: '/opt' } },
      },
      {},
      undefined,
      async (program, argv, env) => {
        calls.push([program, ...argv, env['LD_LIBRARY_PATH'] ?? ''])
        return argv[0] === '--version' ? 'version: 9844' : help
      },
    )
    const find = (engine: string, more: object = {}) =>
      engineOf(deploymentSpec.parse({ name: 'ant', model: 'm', engine, ...more }))
    // A container has an engine of its own: nobody looks here.
    expect(find('llama-server', { runtime: 'prod' })).toBe(findEngine('llama-server'))
    const both = { placement: { clusters: ['process', 'prod'] } }
    expect(find('llama-server', both)).toBe(findEngine('llama-server'))
    expect(calls).toEqual([])
    expect(() => find('llama-server')).toThrow(/looks at which/)
    await expect.poll(() => calls.length).toBe(2)
    const engine = find('llama-server')
    const plan = engine.launch(
      replicaOf({ threads: 2, offload: { cpuExpertLayers: 'all' } }, { modelPath: '/m.gguf' }),
    )
    expect(plan.argv[0]).toBe('/opt/llama-server')
    expect(plan.argv).toContain('--threads')
    expect(plan.env).toMatchObject({ LD_LIBRARY_PATH: '/opt' })
    expect(plan.warnings).toEqual([
      'offload.cpuExpertLayers: the llama-server installed here has no --cpu-moe, --n-cpu-moe',
    ])
    expect(calls).toEqual([
      ['/opt/llama-server', '--version', '/opt'],
      ['/opt/llama-server', '--help', '/opt'],
    ])
    expect(find('vllm')).toBe(findEngine('vllm'))
  })

  it('may be whatever the config names, for what starts by itself', () => {
    const config = { generic: { program: '/opt/rerank', environment: { WORKERS: '2' } } }
    const engineOf = createInstalledEngines(findEngine, config, {})
    const wish = { name: 'ant', model: 'm', engine: 'generic' }
    const plan = engineOf(deploymentSpec.parse(wish)).launch(replicaOf({}, { modelPath: 'm' }))
    expect(plan.argv).toEqual(['/opt/rerank'])
    expect(plan.env).toMatchObject({ WORKERS: '2', MODEL: 'm', PORT: '8000' })
    const elsewhere = engineOf(deploymentSpec.parse({ ...wish, runtime: 'prod' }))
    expect(() => elsewhere.launch(replicaOf())).toThrow(/does not know what to run/)
  })

  it('are what a script runs, where that is how an engine starts', () => {
    const config = { ollama: { program: '/opt/ollama', environment: {} } }
    const engineOf = createInstalledEngines(findEngine, config, {})
    const wish = deploymentSpec.parse({ name: 'ant', model: 'm', engine: 'ollama' })
    const { argv } = engineOf(wish).launch(replicaOf({}, { modelPath: '/m.gguf' }))
    expect([argv[0], ...argv.slice(3)]).toEqual([
      'sh',
      '/opt/ollama',
      '/m.gguf',
      'qwen',
      '{files}/Modelfile',
    ])
  })

  it('are what they were the last time until they have answered', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'baleen-engines-')), 'engines.json')
    onTestFinished(() => rmSync(dirname(path), { recursive: true }))
    const config = { vllm: { program: process.execPath, environment: {} } }
    const answers = ['0.32.0', help]
    const open = (ask: () => Promise<string>) =>
      createInstalledEngines(findEngine, config, {}, createEngineMemory(path), ask)
    const wish = deploymentSpec.parse({ name: 'ant', model: 'm', engine: 'vllm' })
    const first = open(async () => answers.shift() ?? '')
    expect(() => first(wish)).toThrow(/looks at which/)
    await expect.poll(() => existsSync(path)).toBe(true)
    const second = open(() => new Promise(() => {}))
    expect(second(wish).launch(replicaOf({ sequencesMax: 2 })).warnings).toContain(
      'sequencesMax: the vllm installed here has no --max-num-seqs',
    )
    writeFileSync(path, '{"broken')
    const third = open(() => new Promise(() => {}))
    expect(() => third(wish)).toThrow(/looks at which/)
  })
})

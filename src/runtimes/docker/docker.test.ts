import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { anywhere } from '../../core/node.ts'
import { launchPlan } from '../../engines/launch-plan.ts'
import { containerOf, mergeAccess } from './container.ts'
import { createPullProgress } from './pull.ts'
import { tarOf } from './tar.ts'

const access = { request: null, files: [], groups: [], env: {} }
const input = {
  owner: 'me',
  id: 'ant-1',
  carried: { id: 'ant-1' },
  plan: launchPlan({ argv: ['serve', '--config', '{files}/x.yaml'], env: { A: '1' } }),
  image: 'engine:1',
  secrets: { HF_TOKEN: 'secret' },
  assignment: anywhere,
  access,
  port: 20_001,
  network: null,
  models: '/models',
}

describe('containers', () => {
  it('run the whole command, open to this machine alone, and are never started again by Docker', () => {
    expect(containerOf(input)).toMatchObject({
      name: 'baleen-me-ant-1',
      Entrypoint: ['serve'],
      Cmd: ['--config', '/etc/baleen/x.yaml'],
      Env: ['A=1', expect.stringMatching(/^BALEEN_REPLICA=/) as string, 'HF_TOKEN=secret'],
      HostConfig: {
        RestartPolicy: { Name: 'no' },
        PortBindings: { '20001/tcp': [{ HostIp: '127.0.0.1', HostPort: '20001' }] },
        SecurityOpt: ['no-new-privileges'],
        CapDrop: ['ALL'],
      },
    })
  })

  it('learn their own address only once they run', () => {
    const plan = launchPlan({ argv: ['serve', '--x'], env: { HOST: '{address}', A: '1' } })
    const { Entrypoint, Cmd } = containerOf({ ...input, plan })
    expect(Entrypoint).toEqual(['/bin/sh'])
    expect(Cmd?.slice(-3)).toEqual(['sh', 'serve', '--x'])
    expect(Cmd?.[1]).toContain('export HOST="$address"; exec "$@"')
    const onHost = containerOf({ ...input, plan, network: 'host' })
    expect(onHost.Entrypoint).toEqual(['serve'])
    expect(onHost.Env).toContain('HOST=127.0.0.1')
  })

  it('get their devices, memory, time and mounts', () => {
    const nvidia = {
      ...access,
      request: { driver: 'nvidia', ids: ['GPU-1', 'GPU-2'] },
      env: { NVIDIA_DRIVER_CAPABILITIES: 'compute,utility' },
    }
    const amd = { ...access, files: ['/dev/kfd'], groups: ['video'] }
    const { plan } = input
    const made = containerOf({
      ...input,
      access: mergeAccess([nvidia, amd]),
      assignment: { ...anywhere, memoryBytes: 2 ** 30, cpus: 1.5 },
      network: 'llm',
      plan: {
        ...plan,
        sharedMemoryBytes: 2 ** 20,
        mounts: [
          { path: '/models/ant.gguf', kind: 'model' },
          { path: '/root/.cache', kind: 'cache' },
          { path: '/tmp/x', kind: 'scratch' },
        ],
      },
    })
    expect(made.HostConfig).toMatchObject({
      NetworkMode: 'llm',
      DeviceRequests: [
        { Driver: 'nvidia', DeviceIDs: ['GPU-1', 'GPU-2'], Capabilities: [['gpu']] },
      ],
      Devices: [{ PathOnHost: '/dev/kfd' }],
      GroupAdd: ['video'],
      Memory: 2 ** 30,
      NanoCpus: 1_500_000_000,
      ShmSize: 2 ** 20,
      Mounts: [
        { Type: 'bind', Source: '/models', Target: '/models', ReadOnly: true },
        { Type: 'volume', Source: 'baleen-me-cache-root-cache', Target: '/root/.cache' },
        { Type: 'tmpfs', Target: '/tmp/x' },
      ],
    })
    expect(made.HostConfig).not.toHaveProperty('PortBindings')
  })
})

describe('pulling', () => {
  it('adds up the layers', () => {
    const progress = createPullProgress('engine:1')
    expect(progress({ status: 'Pulling from engine' })).toBe('pulling engine:1')
    const layer = (id: string, current: number, total: number) =>
      progress({ id, status: 'Downloading', progressDetail: { current, total } })
    layer('a', 2 ** 29, 2 ** 30)
    expect(layer('b', 0, 2 ** 30)).toBe('pulling engine:1: 25 % of 2.0 GiB')
    expect(progress({ id: 'a', status: 'Download complete' })).toBe(
      'pulling engine:1: 50 % of 2.0 GiB',
    )
  })
})

describe('small files for a container', () => {
  it('are an archive that tar reads', () => {
    const files = { 'a.yaml': 'x: 1\n', 'long.yaml': 'y'.repeat(1000) }
    const archive = tarOf('/etc/baleen', files)
    const list = execFileSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' })
    expect(list).toBe('etc/baleen/a.yaml\netc/baleen/long.yaml\n')
    const read = ['-xOf', '-', 'etc/baleen/long.yaml']
    const text = execFileSync('tar', read, { input: archive, encoding: 'utf8' })
    expect(text).toBe(files['long.yaml'])
  })
})

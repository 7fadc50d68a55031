import { describe, expect, it } from 'vitest'
import type { Facts } from './facts.ts'
import { judge } from './judge.ts'

const gib = 2 ** 30
const nowMs = Date.UTC(2027, 0, 1)
const healthy: Facts = {
  node: { version: '24.21.0', path: '/node' },
  data: { path: '/data', freeBytes: 100 * gib, trouble: null },
  config: { path: null, trouble: null },
  serving: null,
  ports: [{ name: 'gateway', port: 8080, trouble: null }],
  stale: [],
  memory: { availableBytes: 8 * gib, limitBytes: null, modelBytes: gib },
  cpu: { cores: 8, quotaCores: null, flags: new Set(['avx2', 'fma']) },
  gpu: { kind: null, package: '@node-llama-cpp/linux-x64-cuda@3.21.1', isInstalled: false },
  fileDescriptors: 65_536,
  clock: { nowMs, newestFileMs: nowMs - 1000 },
}

const bad = (change: Partial<Facts>) =>
  judge({ ...healthy, ...change }).filter(({ verdict }) => verdict !== 'ok')

describe('judge', () => {
  it('finds nothing wrong with a healthy machine', () => {
    expect(bad({})).toEqual([])
    for (const { mend } of judge(healthy)) expect(mend).toBe(null)
  })

  it.each<[string, Partial<Facts>, string, 'warn' | 'fail', string]>([
    ['an old Node', { node: { version: '22.1.0', path: '/n' } }, 'node', 'fail', 'npm start'],
    ['a broken config', { config: { path: 'c', trouble: 'c:2: no' } }, 'config', 'fail', 'example'],
    [
      'a data directory of somebody else',
      { data: { ...healthy.data, trouble: 'EACCES' } },
      'data',
      'fail',
      '--data',
    ],
    ['a full disk', { data: { ...healthy.data, freeBytes: 1 } }, 'data', 'fail', 'Free space'],
    [
      'a nearly full disk',
      { data: { ...healthy.data, freeBytes: gib } },
      'data',
      'warn',
      'Free space',
    ],
    [
      'a busy port',
      { ports: [{ name: 'control', port: 1, trouble: 'busy' }] },
      'control port',
      'fail',
      '--control-port',
    ],
    [
      'left-over processes',
      { stale: [{ pid: 7, startTime: '1', role: 'engine' }] },
      'processes',
      'warn',
      'adopts',
    ],
    [
      'too little memory',
      { memory: { ...healthy.memory, modelBytes: 7 * gib } },
      'memory',
      'warn',
      'smaller',
    ],
    [
      'a tight limit',
      { memory: { ...healthy.memory, limitBytes: gib } },
      'memory',
      'warn',
      'limit',
    ],
    ['an old CPU', { cpu: { ...healthy.cpu, flags: new Set(['sse4_2']) } }, 'cpu', 'warn', 'speed'],
    [
      'a GPU without its package',
      { gpu: { ...healthy.gpu, kind: 'cuda' } },
      'gpu',
      'warn',
      'BALEEN_GPU=cuda npm start (or: npm i --no-save @node-llama-cpp/linux-x64-cuda@3.21.1)',
    ],
    ['few files', { fileDescriptors: 1024 }, 'files', 'warn', 'ulimit -n'],
    [
      'a clock in the past',
      { clock: { nowMs: 0, newestFileMs: null } },
      'clock',
      'fail',
      'Set the clock',
    ],
    [
      'a clock that went back',
      { clock: { nowMs, newestFileMs: nowMs + 1e7 } },
      'clock',
      'warn',
      'went back',
    ],
  ])('names %s and how to mend it', (_, change, check, verdict, mend) => {
    expect(bad(change)).toMatchObject([{ check, verdict, mend: expect.stringContaining(mend) }])
  })

  it('takes the ports and children of a running Baleen for what they are', () => {
    const running = {
      serving: { pid: 5, url: 'http://127.0.0.1:8080' },
      ports: [],
      stale: [{ pid: 7, startTime: '1', role: 'gateway' }],
    }
    expect(bad(running)).toEqual([])
    expect(judge({ ...healthy, ...running }).map(({ text }) => text)).toContain(
      'running as process 5 at http://127.0.0.1:8080',
    )
  })

  it('is content with what a machine does not tell', () => {
    expect(
      bad({
        fileDescriptors: null,
        cpu: { cores: 4, quotaCores: 1.5, flags: null },
        memory: { availableBytes: 1, limitBytes: null, modelBytes: null },
        clock: { nowMs, newestFileMs: null },
      }),
    ).toEqual([])
  })
})

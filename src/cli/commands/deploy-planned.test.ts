import { rmSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import {
  deploymentOf,
  runCommand,
  startFakeControl,
  type FakeControl,
  type RunOptions,
} from '../cli.fixture.ts'

let control: FakeControl
let put: DeploymentSpec[]
beforeAll(async () => {
  control = await startFakeControl()
  control.routes.set('GET /api/v1/nodes', () => ({ nodes: [] }))
  control.routes.set('GET /api/v1/engines', () => ({ engines: [] }))
  control.routes.set('GET /api/v1/deployments', () => ({ deployments: [] }))
  control.routes.set('PUT /api/v1/deployments/llama-3-1-8b', (_, body) => {
    put.push(body as DeploymentSpec)
    return deploymentOf(body as DeploymentSpec, [{}], '1 of 1 ready')
  })
  control.routes.set('GET /api/v1/deployments/llama-3-1-8b', () =>
    deploymentOf(
      put.at(-1)!,
      Array.from({ length: put.at(-1)!.replicas }, () => ({})),
      'ready',
    ),
  )
})
afterAll(async () => {
  await control.close()
  rmSync(control.dataDirectory, { recursive: true })
})
beforeEach(() => void (put = []))

const slo = 'ttft.p95=1s,tpot.p95=60ms'
const deploy = (flags: readonly string[], options: RunOptions = {}) =>
  runCommand(['deploy', 'llama-3.1-8b', '--hardware', 'l40s:2', '--quick', ...flags], {
    ...options,
    variables: { BALEEN_DATA: control.dataDirectory },
  })

describe('deploy --slo', () => {
  it('shows the plan and deploys what it decides, with the SLO as a promise', async () => {
    const { code, stdout, stderr } = await deploy(['--slo', slo, '--rate', '4', '--yes'])
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/^1 +\w+ \w+ tp\d/m)
    expect(stderr).toContain('no node has l40s:2: the engine `simulated` plays it')
    const [spec] = put
    expect(spec).toMatchObject({
      name: 'llama-3-1-8b',
      engine: 'simulated',
      hardware: expect.stringMatching(/^L40S:[12]$/),
      slo: { 'ttft.p95': '1000ms', 'tpot.p95': '60ms' },
      settings: {
        contextTokens: expect.any(Number),
        sequencesMax: expect.any(Number),
        tensorParallel: expect.any(Number),
        environment: { SIMULATED_ENGINE: expect.any(String) },
      },
    })
  })

  it('asks first, and does what it is told', async () => {
    const asked = { stdin: 'y\n', isTerminal: true }
    const { code, stderr } = await deploy(['--slo', slo, '--rate', '4'], asked)
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/Deploy llama-3-1-8b as \d × simulated on L40S:\d each\? \[y\/N\]/)
    expect(put).toHaveLength(1)
    for (const stdin of ['n\n', '\n', '']) {
      const refused = await deploy(['--slo', slo, '--rate', '4'], { stdin, isTerminal: true })
      expect(refused.code).toBe(5)
    }
    expect(put).toHaveLength(1)
  })

  it('starts nothing where nobody can be asked', async () => {
    const { code, stderr } = await deploy(['--slo', slo, '--rate', '4'])
    expect(code).toBe(2)
    expect(stderr).toContain('--yes')
    expect(put).toEqual([])
  })

  it('refuses with the nearest plan where none keeps the SLO', async () => {
    const { code, stdout, stderr } = await deploy(['--slo', 'ttft.p95=5ms', '--yes'])
    expect(code).toBe(5)
    expect(stdout).toMatch(/^✗ /m)
    expect(stderr).toMatch(
      /error: deployment\/slo-unmet: .*ttft\.p95 ≤ 5 ms is below .*; nearest: .* on [12] × L40S, ttft\.p95 [\d.]+ ms/,
    )
    expect(put).toEqual([])
  })

  it('gives plan and deployment as one JSON value; without a deployment where it refuses', async () => {
    const done = await deploy(['--slo', slo, '--rate', '4', '--yes', '--json'])
    expect(JSON.parse(done.stdout)).toMatchObject({
      plan: { status: 'meets', rateRps: 4 },
      deployment: { spec: { engine: 'simulated' } },
    })
    const refused = await deploy(['--slo', 'ttft.p95=5ms', '--yes', '--json'])
    expect(refused.code).toBe(5)
    expect(JSON.parse(refused.stdout)).toMatchObject({
      plan: { status: 'nearest' },
      deployment: null,
    })
  })

  it('goes beyond no node', async () => {
    const devices = (node: string) =>
      [0, 1].map((at) => ({
        id: `${node}-${at}`,
        vendor: 'nvidia',
        model: 'NVIDIA L40S',
        memoryBytes: 48e9,
        state: 'free',
        replicas: [],
      }))
    const common = {
      runtime: 'process',
      kind: 'process',
      zone: null,
      state: 'ready',
      reason: '',
      isSpot: false,
    }
    const nodes = ['a', 'b'].map((name) => {
      return { ...common, name, pricePerHourUsd: null, replicas: [], devices: devices(name) }
    })
    const engines = [{ name: 'vllm', tasks: ['generate'], program: '/usr/bin/vllm' }]
    control.routes.set('GET /api/v1/nodes', () => ({ nodes }))
    control.routes.set('GET /api/v1/engines', () => ({ engines }))
    const large = (slo: string, rate: string) => {
      const argv = `deploy llama-3.1-70b --name llama-3-1-8b --hardware l40s:4 --quick --yes`
      return runCommand([...argv.split(' '), '--slo', slo, '--rate', rate], {
        variables: { BALEEN_DATA: control.dataDirectory },
      })
    }
    // One replica on all four would be best; two on two each do as well.
    const within = await large('tpot.p95=45ms', '0.4')
    expect(within.code, within.stderr).toBe(0)
    expect(put[0]).toMatchObject({ engine: 'vllm', replicas: 2, hardware: 'L40S:2' })
    // Only one on all four would be fast enough.
    const beyond = await large('tpot.p95=24ms', '0.1')
    expect(beyond.code).toBe(5)
    expect(beyond.stderr).toMatch(
      /no node has more than 2 × L40S free; nearest: vllm .* tp2 .*×2 on 4 × L40S/,
    )
    control.routes.set('GET /api/v1/nodes', () => ({ nodes: [] }))
    control.routes.set('GET /api/v1/engines', () => ({ engines: [] }))
  })

  it('lets several types of devices serve together where one does not carry the rate', async () => {
    const at = (path: string) => {
      control.routes.set(`PUT /api/v1/deployments/${path}`, (_, body) => {
        put.push(body as DeploymentSpec)
        return deploymentOf(body as DeploymentSpec, [{}], 'recorded')
      })
      control.routes.set(`GET /api/v1/deployments/${path}`, () => {
        const spec = put.find(({ name }) => name === path)!
        const replicas = Array.from({ length: spec.replicas }, () => ({}))
        return deploymentOf(spec, replicas, 'ready')
      })
      control.routes.set(`DELETE /api/v1/deployments/${path}`, () => ({}))
    }
    for (const name of ['both', 'both-l40s', 'both-l4']) at(name)
    const old = deploymentOf({ name: 'both-l4', route: 'both' }, [{}])
    control.routes.set('GET /api/v1/deployments', () => ({ deployments: [old] }))
    const argv = `deploy llama-3.1-8b --name both --hardware h100:1,l40s:2 --quick --yes --json`
    const { code, stdout, stderr } = await runCommand(
      [...argv.split(' '), '--slo', 'ttft.p95=500ms,tpot.p95=30ms', '--rate', '28'],
      { variables: { BALEEN_DATA: control.dataDirectory } },
    )
    expect(code, stderr).toBe(0)
    expect(put.map(({ name, route, hardware }) => [name, route, hardware?.split(':')[0]])).toEqual([
      ['both', 'both', 'H100-SXM-80GB'],
      ['both-l40s', 'both', 'L40S'],
    ])
    const [first, second] = put
    expect(first!.weight + second!.weight).toBeCloseTo(1, 2)
    expect(first!.weight).toBeGreaterThan(second!.weight)
    expect(JSON.parse(stdout).deployments).toHaveLength(2)
    expect(stderr).toContain('both-l4 of the plan before ends')
    expect(
      control.calls.some(({ method, path }) => method === 'DELETE' && path.endsWith('both-l4')),
    ).toBe(true)
    control.routes.set('GET /api/v1/deployments', () => ({ deployments: [] }))
  })

  it('lets a person add what the plan does not decide, and nothing else', async () => {
    const added = await deploy(['--slo', slo, '--rate', '4', '--yes', '--set', 'queueMax=7'])
    expect(added.code).toBe(0)
    expect(put[0]!.settings.queueMax).toBe(7)
    const against = await deploy(['--slo', slo, '--rate', '4', '--yes', '--set', 'batchTokens=99'])
    expect(against.code).toBe(2)
    expect(against.stderr).toContain('the plan decides batchTokens')
  })
})

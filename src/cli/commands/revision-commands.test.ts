import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { deploymentOf, runCommand, startFakeControl, type FakeControl } from '../cli.fixture.ts'

let control: FakeControl
const directory = mkdtempSync(join(tmpdir(), 'baleen-specs-'))
beforeAll(async () => {
  control = await startFakeControl()
})
afterAll(async () => {
  await control.close()
  rmSync(control.dataDirectory, { recursive: true })
  rmSync(directory, { recursive: true })
})
beforeEach(() => {
  control.routes.clear()
  control.calls.length = 0
})

const baleen = (...argv: string[]) =>
  runCommand(argv, { variables: { BALEEN_DATA: control.dataDirectory } })
const answer = (route: string, value: unknown) => control.routes.set(route, () => value)
const file = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text)
  return join(directory, name)
}

const two = `# our models
name: ant
model: m1
replicas: 3
rollout:
  steps: [{ share: 0.1 }]
---
name: bee
model: m2
settings: { sequencesMax: 16 }
`

describe('diff', () => {
  it('says setting by setting what would change and what that takes, and ends with 5', async () => {
    answer('GET /api/v1/deployments', {
      deployments: [
        deploymentOf({ name: 'ant', model: 'm1' }, [], '', { revision: 7 }),
        deploymentOf({ name: 'else' }),
      ],
    })
    const { code, stdout } = await baleen('diff', file('two.yaml', two))
    expect(code).toBe(5)
    expect(stdout).toBe(`~ ant: revision 7 → 8, takes effect at once
    replicas       1 → 3
    rollout.steps  [] → [{"share":0.1,"bakeTime":"1m"}]
+ bee: new
    model                  m2
    settings.sequencesMax  auto → 16
`)
    expect(control.calls.map(({ method }) => method)).toEqual(['GET'])
  })

  it('tells when new replicas have to take over', async () => {
    answer('GET /api/v1/deployments', { deployments: [deploymentOf({ name: 'ant', model: 'm0' })] })
    const { stdout } = await baleen('diff', file('one.yaml', 'name: ant\nmodel: m1\n'))
    expect(stdout).toBe('~ ant: revision 1 → 2, new replicas take over\n    model  m0 → m1\n')
  })

  it('ends with 0 where all is as the file says', async () => {
    answer('GET /api/v1/deployments', { deployments: [deploymentOf({ name: 'ant', model: 'm1' })] })
    const { code, stdout } = await baleen('diff', file('same.yaml', 'name: ant\nmodel: m1\n'))
    expect({ code, stdout }).toEqual({ code: 0, stdout: '= ant: as it is (revision 1)\n' })
  })

  it('names the line of a fault, also in a later document', async () => {
    const broken = file(
      'broken.yaml',
      'name: ant\nmodel: m1\n---\nname: bee\nmodel: m2\nreplica: 2\n',
    )
    const { code, stderr } = await baleen('diff', broken)
    expect(code).toBe(1)
    expect(stderr).toMatch(/broken\.yaml:6: replica: there is no such setting/)
  })

  it('refuses a name that is described twice', async () => {
    const twice = file('twice.yaml', 'name: ant\nmodel: m1\n---\nname: ant\nmodel: m2\n')
    expect((await baleen('diff', twice)).stderr).toMatch(/"ant" is described twice/)
  })
})

describe('deploy -f', () => {
  it('applies each document, with the reason', async () => {
    answer('PUT /api/v1/deployments/ant', deploymentOf({ name: 'ant' }))
    answer('PUT /api/v1/deployments/bee', deploymentOf({ name: 'bee' }))
    const { code } = await baleen(
      'deploy',
      '-f',
      file('two.yaml', two),
      '--no-wait',
      '--why',
      'a quiet day',
    )
    expect(code).toBe(0)
    expect(control.calls.map(({ path }) => path)).toEqual([
      '/api/v1/deployments/ant?retry=true&why=a%20quiet%20day',
      '/api/v1/deployments/bee?retry=true&why=a%20quiet%20day',
    ])
  })
})

describe('history', () => {
  it('shows who, why and what became of each', async () => {
    const { spec } = deploymentOf({ name: 'ant' })
    const atMs = Date.now() - 120_000
    answer('GET /api/v1/deployments/ant/revisions', {
      revisions: [
        { revision: 3, spec, by: 'rollout', why: 'back', atMs, outcome: null },
        {
          revision: 2,
          spec,
          by: 'key_1',
          why: 'larger',
          atMs,
          outcome: { kind: 'rolled-back', reason: '9 of 80 failed', atMs },
        },
        { revision: 1, spec: null, by: 'admin', why: 'deleted', atMs, outcome: null },
      ],
    })
    const { stdout } = await baleen('history', 'ant')
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['REVISION', 'AGE', 'BY', 'OUTCOME', 'WHY'],
      ['3', '2m', 'rollout', 'takes over', 'back'],
      ['2', '2m', 'key_1', 'rolled-back', 'larger · 9 of 80 failed'],
      ['1', '2m', 'admin', 'deleted', 'deleted'],
    ])
  })
})

describe('rollback and rollout', () => {
  it('sends the revision and the reason', async () => {
    const view = deploymentOf({ name: 'ant' }, [{}], '1 of 1 ready', { revision: 4 })
    answer('POST /api/v1/deployments/ant/rollback', view)
    const { code, stderr } = await baleen('rollback', 'ant', '2', '--why', 'worse', '--no-wait')
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'ant: revision 4, 1 of 1 ready\n' })
    expect(control.calls[0]?.body).toEqual({ revision: 2, why: 'worse' })
    expect((await baleen('rollback', 'ant', 'last')).code).toBe(2)
  })

  it('takes a change by the hand', async () => {
    answer('POST /api/v1/deployments/ant/rollout', deploymentOf({ name: 'ant' }, [], 'fine'))
    expect((await baleen('rollout', 'ant', 'promote')).stderr).toBe('ant: fine\n')
    expect(control.calls[0]?.body).toEqual({ action: 'promote' })
    expect((await baleen('rollout', 'ant', 'abort')).stderr).toMatch(
      /ACTION is one of follow, promote/,
    )
  })
})

describe('drain', () => {
  const node = (replicas: string[], state = 'drained') => ({
    name: 'gpu-1',
    runtime: 'process',
    kind: 'process',
    zone: null,
    state,
    reason: 'fan (admin)',
    isSpot: false,
    pricePerHourUsd: null,
    replicas,
    devices: [
      { id: 'a', vendor: 'nvidia', model: 'H100', memoryBytes: 1, state: 'held', replicas },
    ],
  })

  it('waits until the node is empty', async () => {
    const looks = [node(['ant-1']), node([])]
    answer('POST /api/v1/nodes/gpu-1/drain', node(['ant-1']))
    const status = '1 of 1 ready: one has to move, no room for 1 × h100'
    const ant = deploymentOf({ name: 'ant' }, [{ id: 'ant-1' }], status)
    answer('GET /api/v1/deployments', { deployments: [ant] })
    control.routes.set('GET /api/v1/nodes', () => ({ nodes: [looks.shift() ?? node([])] }))
    const { code, stderr } = await baleen('drain', 'gpu-1', '--why', 'fan')
    expect(code).toBe(0)
    expect(stderr).toContain('ant-1 still there; ant: one has to move, no room for 1 × h100')
    expect(stderr).toContain('✓ gpu-1: empty')
    expect(control.calls[0]?.body).toEqual({ why: 'fan' })
  })

  it('can be undone, and nodes are listed', async () => {
    answer('DELETE /api/v1/nodes/gpu-1/drain', node([], 'ready'))
    answer('GET /api/v1/nodes', { nodes: [node(['ant-1'])] })
    expect((await baleen('drain', 'gpu-1', '--undo')).stderr).toBe('gpu-1: ready\n')
    const { stdout } = await baleen('node', 'list')
    expect(stdout.split('\n')[1]?.split(/ {2,}/)).toEqual([
      'gpu-1',
      'process',
      '-',
      'drained',
      '1 × H100',
      '0',
      '1',
      'fan (admin)',
    ])
  })
})

describe('ci', () => {
  const changed = file('ci.yaml', 'name: ant\nmodel: m2\n')
  const before = deploymentOf({ name: 'ant', model: 'm1' }, [{}], '1 of 1 ready', { revision: 1 })
  const taking = { from: 1, step: 0, steps: 1, share: 0.1, paused: null, status: 'step 1 of 1' }
  const after = deploymentOf({ name: 'ant', model: 'm2' }, [{}], '1 of 1 ready', { revision: 2 })
  const ci = (...more: string[]) => baleen('ci', changed, '--no-rehearsal', ...more)

  it('lets a change take over and waits for it', async () => {
    const looks = [{ ...after, rollout: taking }, after]
    answer('GET /api/v1/deployments', { deployments: [before] })
    answer('PUT /api/v1/deployments/ant', { ...after, rollout: taking })
    control.routes.set('GET /api/v1/deployments/ant', () => looks.shift() ?? after)
    const { code, stderr } = await ci('--why', 'abc123')
    expect(code).toBe(0)
    expect(stderr).toContain('ant: revision 2 serves')
    expect(control.calls.map(({ path }) => path)).toContain(
      '/api/v1/deployments/ant?retry=true&why=abc123',
    )
  })

  it('ends with 5 and the evidence where the canary was rolled back', async () => {
    answer('GET /api/v1/deployments', { deployments: [before] })
    answer('PUT /api/v1/deployments/ant', { ...after, rollout: taking })
    answer('GET /api/v1/deployments/ant', { ...before, revision: 3 })
    const outcome = { kind: 'rolled-back', reason: '16 of 80 requests fail', atMs: 1 }
    answer('GET /api/v1/deployments/ant/revisions', {
      revisions: [{ revision: 2, spec: after.spec, by: 'admin', why: '', atMs: 1, outcome }],
    })
    const { code, stderr } = await ci()
    expect(code).toBe(5)
    expect(stderr).toContain('did not take over: 16 of 80 requests fail')
  })

  it('does nothing where nothing differs', async () => {
    answer('GET /api/v1/deployments', { deployments: [after] })
    expect((await ci()).code).toBe(0)
    expect(control.calls.map(({ method }) => method)).toEqual(['GET'])
  })
})

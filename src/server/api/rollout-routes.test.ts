import { describe, expect, it } from 'vitest'
import { bench } from './api-bench.ts'

const ant = { name: 'ant', model: 'm1' }

describe('going back', () => {
  it('goes to what serves while a change takes over, and remembers who and why', async () => {
    const { ask, registry } = await bench()
    await ask('PUT', '/deployments/ant', { body: ant })
    await registry.promote('ant', 1, 'ready', 1)
    await ask('PUT', '/deployments/ant?why=larger%20model', { body: { ...ant, model: 'm2' } })
    const back = await ask('POST', '/deployments/ant/rollback', { body: { why: 'too slow' } })
    expect(back.body).toMatchObject({ revision: 3, spec: { model: 'm1' } })
    const { body } = await ask('GET', '/deployments/ant/revisions')
    expect(body.revisions).toMatchObject([
      { revision: 3, by: 'admin', why: 'too slow', outcome: { kind: 'promoted' } },
      { revision: 2, why: 'larger model', outcome: { kind: 'rolled-back', reason: 'too slow' } },
      { revision: 1, outcome: { kind: 'promoted' } },
    ])
  })

  it('goes to what served before, past what was only scaled or was rolled back', async () => {
    const { ask, registry } = await bench()
    await ask('PUT', '/deployments/ant', { body: ant })
    await registry.promote('ant', 1, 'ready', 1)
    await ask('PUT', '/deployments/ant', { body: { ...ant, model: 'bad' } })
    await ask('POST', '/deployments/ant/rollback', { body: {} })
    await ask('PUT', '/deployments/ant', { body: { ...ant, model: 'm2' } })
    await registry.promote('ant', 4, 'ready', 1)
    await ask('POST', '/deployments/ant/scale', { body: { replicas: 4 } })
    const back = await ask('POST', '/deployments/ant/rollback', { body: {} })
    expect(back.body.spec).toMatchObject({ model: 'm1', replicas: 4 })
    // The way back is a change like any other: it takes over from what serves.
    expect(registry.deployment('ant')?.rollout?.from?.spec.model).toBe('m2')
  })

  it('says what there is to go back to', async () => {
    const { ask } = await bench()
    await ask('PUT', '/deployments/ant', { body: ant })
    const none = await ask('POST', '/deployments/ant/rollback', { body: {} })
    expect(none).toMatchObject({ status: 404, body: { error: { code: 'deployment/no-revision' } } })
    const unknown = await ask('POST', '/deployments/ant/rollback', { body: { revision: 9 } })
    expect(unknown.body.error.message).toBe('"ant" has no revision 9')
    const nobody = await ask('POST', '/deployments/bee/rollback', { body: {} })
    expect(nobody.body.error.code).toBe('deployment/not-found')
  })
})

describe('a rollout', () => {
  it('can be promoted, paused and resumed by hand', async () => {
    const { ask, registry } = await bench()
    const rollout = { steps: [{ share: 0.1 }, { share: 0.5 }] }
    await ask('PUT', '/deployments/ant', { body: { ...ant, rollout } })
    await registry.promote('ant', 1, 'ready', 1)
    const idle = await ask('POST', '/deployments/ant/rollout', { body: { action: 'pause' } })
    expect(idle).toMatchObject({ status: 409, body: { error: { code: 'deployment/conflict' } } })
    await ask('PUT', '/deployments/ant', { body: { ...ant, rollout, model: 'm2' } })
    const act = (action: string) => ask('POST', '/deployments/ant/rollout', { body: { action } })
    await act('pause')
    expect(registry.deployment('ant')?.rollout?.paused).toBe('by admin')
    await act('resume')
    expect(registry.deployment('ant')?.rollout?.paused).toBe(null)
    await act('promote')
    expect(registry.deployment('ant')?.rollout?.step).toBe(2)
  })
})

describe('nodes', () => {
  it('can be drained and put back, with who and why', async () => {
    const { ask, nodes } = await bench()
    const { fakeNode } = await import('../../runtimes/fake/fake.ts')
    nodes.push(fakeNode('gpu-1', 1))
    const drained = await ask('POST', '/nodes/gpu-1/drain', { body: { why: 'a new fan' } })
    expect(drained.body).toMatchObject({ state: 'drained', reason: 'a new fan (admin)' })
    expect((await ask('GET', '/nodes')).body.nodes).toMatchObject([{ state: 'drained' }])
    const back = await ask('DELETE', '/nodes/gpu-1/drain')
    expect(back.body).toMatchObject({ state: 'ready', devices: [{ replicas: [] }] })
    const unknown = await ask('POST', '/nodes/gpu-2/drain', { body: {} })
    expect(unknown.body.error).toMatchObject({
      code: 'node/not-found',
      message: 'no node is named "gpu-2"; there is gpu-1',
    })
  })
})

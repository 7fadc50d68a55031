import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import type { DesiredDeployment } from './reconcile.ts'
import { firstSeen, type Replica } from './replica.ts'
import { snapshotRoutes, type PairFacts, type RoutedDeployment } from './snapshot.ts'

const replica = (deployment: string, id: string, specHash = 'v1'): Replica => ({
  ...firstSeen(
    {
      id,
      deployment,
      revision: 1,
      specHash,
      pid: 1,
      url: `http://127.0.0.1/${id}`,
      startedAtMs: 0,
    },
    'ready',
    0,
  ),
  health: 'ready',
})

function routed(
  role: 'prefill' | 'decode' | 'both',
  replicas: readonly Replica[],
  changes: { split?: DesiredDeployment['split']; alike?: Record<string, string> } = {},
): RoutedDeployment {
  const name = role
  const alike = changes.alike ?? { v1: 'same' }
  const pairs = Object.entries(alike).map(([hash, text]): [string, PairFacts] => [
    hash,
    { role: role === 'prefill' ? 'prefill' : 'decode', protocol: 'vllm', alike: text },
  ])
  const deployment: DesiredDeployment = {
    name,
    revision: 1,
    replicas: replicas.length,
    specHash: 'v1',
    loadTimeoutMs: 1,
    split: changes.split ?? null,
  }
  return {
    spec: deploymentSpec.parse({
      name,
      model: 'm',
      engine: 'vllm',
      route: 'm',
      settings: { role },
    }),
    createdAtMs: 0,
    condition: {
      deployment,
      replicas,
      restarts: undefined,
      preparation: null,
      noRoom: null,
      progress: null,
      isAsleep: false,
      nowMs: 0,
    },
    wakeMs: null,
    ...(role === 'both' ? {} : { pairs: new Map(pairs) }),
  }
}

const only = (...all: RoutedDeployment[]) => snapshotRoutes(all)[0]!.targets

describe('prompts and answers apart', () => {
  const reads = routed('prefill', [replica('prefill', 'p1'), replica('prefill', 'p2')])
  const writes = routed('decode', [replica('decode', 'd1')])

  it('are one target of those that write, with those that read beside it', () => {
    const targets = only(reads, writes)
    expect(targets).toHaveLength(1)
    expect(targets[0]).toMatchObject({
      deployment: 'decode',
      replicas: [{ id: 'd1' }],
      prefill: { protocol: 'vllm', groups: [{ deployment: 'prefill', weight: 1 }] },
    })
    expect(targets[0]!.prefill!.groups[0]!.replicas.map(({ id }) => id)).toEqual(['p1', 'p2'])
  })

  it('stay a pair while nobody reads, and say why', () => {
    const [alone] = only(writes)
    expect(alone!.prefill).toEqual({
      protocol: 'vllm',
      groups: [],
      reason: 'no deployment of it has the role prefill',
    })
    expect(only(routed('prefill', []), writes)[0]!.prefill).toMatchObject({ groups: [] })
  })

  it('are never paired across models: only with their own kind', () => {
    const both = { v1: 'new model', v0: 'old model' }
    const changing = routed('decode', [replica('decode', 'd1'), replica('decode', 'd0', 'v0')], {
      alike: both,
    })
    const targets = only(
      routed('prefill', [replica('prefill', 'p0', 'v0')], { alike: both }),
      changing,
    )
    const readers = Object.fromEntries(
      targets.map(({ replicas, weight, prefill }) => [
        replicas[0]!.id,
        { weight, ids: prefill!.groups.flatMap((group) => group.replicas.map(({ id }) => id)) },
      ]),
    )
    expect(readers).toEqual({ d1: { weight: 0.5, ids: [] }, d0: { weight: 0.5, ids: ['p0'] } })
  })

  it('give a new revision of those that read its share of the prompts', () => {
    const split = { next: 1, prev: 1, share: 0.1, isCohortOn: true }
    const changing = routed('prefill', [replica('prefill', 'p1'), replica('prefill', 'p0', 'v0')], {
      split,
      alike: { v1: 'same', v0: 'same' },
    })
    expect(only(changing, writes)[0]!.prefill!.groups).toMatchObject([
      { weight: 0.1, replicas: [{ id: 'p1' }] },
      { weight: 0.9, replicas: [{ id: 'p0' }] },
    ])
  })

  it('say what is the matter where only those that read are there', () =>
    expect(only(reads)).toMatchObject([{ deployment: 'prefill', replicas: [] }]))

  it('leave others as they are', () => {
    const [target] = only(routed('both', [replica('both', 'b1')]))
    expect(target).toMatchObject({ replicas: [{ id: 'b1' }] })
    expect(target).not.toHaveProperty('prefill')
  })
})

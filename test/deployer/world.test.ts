import { afterEach, describe, expect, it, vi } from 'vitest'
import type { assign } from '../../src/deployer/policy/assign.ts'
import type { Action, reconcile, ReconcileState } from '../../src/deployer/policy/reconcile.ts'

/** The whole course of 100,000 steps: `node bench/deployer/world.ts`. */
const steps = 350

type Reconcile = { reconcile: typeof reconcile }
type Assign = { assign: typeof assign }

async function run(seed: number, stepsMax = steps): Promise<readonly string[]> {
  const { createWorld } = await import('./world.ts')
  const world = await createWorld(seed)
  for (let step = 0; step < stepsMax && world.violations.length === 0; step++) await world.step()
  if (world.violations.length === 0) await world.settle()
  world.end()
  return world.violations
}

afterEach(() => {
  vi.doUnmock('../../src/deployer/policy/reconcile.ts')
  vi.doUnmock('../../src/deployer/policy/assign.ts')
  vi.resetModules()
})

describe('the reconcile loop in a rough world', () => {
  it.each([1, 2])('keeps its promises (seed %i)', async (seed) => {
    expect(await run(seed)).toEqual([])
  })
})

/** What the checks are worth: a loop with one fault each has to be caught. */
describe('a reconcile loop with a fault', () => {
  const mutate = (change: (actions: readonly Action[], state: ReconcileState) => Action[]) =>
    vi.doMock('../../src/deployer/policy/reconcile.ts', async () => {
      const real = await vi.importActual<Reconcile>('../../src/deployer/policy/reconcile.ts')
      return {
        ...real,
        reconcile: (state: ReconcileState) => change(real.reconcile(state), state),
      }
    })

  const caught = async (stepsMax = steps): Promise<string> => {
    for (let seed = 1; seed <= 4; seed++) {
      const [first] = await run(seed, stepsMax)
      if (first !== undefined) return first
    }
    return 'nothing was noticed'
  }

  it('that takes an old replica out too early is caught', async () => {
    mutate((actions, { replicas, desired }) => [
      ...actions,
      ...replicas
        .filter(({ phase, specHash, deployment }) => {
          const one = desired.find(({ name }) => name === deployment)
          return phase === 'serving' && one?.specHash != null && one.specHash !== specHash
        })
        .map(({ id }): Action => ({ kind: 'leave', id, reason: 'hurry' })),
    ])
    expect(await caught()).toMatch(/leaves \(hurry\) and \d of \d stay ready/)
  })

  it('that forgets what belongs to no deployment is caught', async () => {
    mutate((actions) =>
      actions.filter((one) => one.kind !== 'leave' || !/was deleted/.test(one.reason)),
    )
    expect(await caught(60)).toMatch(/is an orphan/)
  })

  it('that never fills up is caught', async () => {
    mutate((actions) => actions.filter((one) => one.kind !== 'start' || one.of === 'previous'))
    expect(await caught()).toMatch(/does not settle/)
  })

  it('that gives away what is taken is caught', async () => {
    vi.doMock('../../src/deployer/policy/assign.ts', async () => {
      const real = await vi.importActual<Assign>('../../src/deployer/policy/assign.ts')
      return { ...real, assign: (wishes: never, nodes: never) => real.assign(wishes, nodes, []) }
    })
    expect(await caught()).toMatch(/gets node-\d-gpu-\d, which .* still has/)
  })
})

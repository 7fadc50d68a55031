import { deploymentSpec, type DeploymentSpec } from '../../src/contract/deployment.ts'
import { runsAlike } from '../../src/contract/deployment-change.ts'
import type { Wanted } from '../../src/deployer/deployer.ts'
import type { RolloutLedger } from '../../src/deployer/rollouts.ts'
import type { Dice } from './dice.ts'
import { clusters } from './machines.ts'

/** What is wanted, as the store keeps it, with people who change their mind. */
export interface Intent {
  readonly wanted: ReadonlyMap<string, Wanted>
  readonly ledger: RolloutLedger
  all(): readonly Wanted[]
  /** Another deployment, another spec, another number, or one less. */
  changeSomething(): void
  /** Only what can come about at once: a model that loads, and room for all. */
  becomeModest(): void
}

const names = ['ant', 'bee', 'cat', 'dog', 'elk', 'fox']

export function createIntent(deps: {
  readonly dice: Dice
  readonly tell: (event: string) => void
  readonly onChange: () => void
}): Intent {
  const { tell, onChange } = deps
  const { chance, within, pick } = deps.dice
  const wanted = new Map<string, Wanted>()
  let revision = 0

  const change = (spec: DeploymentSpec): void => {
    const { name } = spec
    const stored = wanted.get(name)
    const fresh = { step: 0, bakingSinceMs: null, paused: null }
    const open = stored?.rollout ?? null
    const from = open ? open.from : stored ? { revision: stored.revision, spec: stored.spec } : null
    const rollout = stored && runsAlike(stored.spec, spec) ? open : { ...fresh, from }
    wanted.set(name, { spec, revision: ++revision, createdAtMs: 0, updatedAtMs: 0, rollout })
    onChange()
  }
  /** A write to a revision that is no longer the newest has no effect. */
  const write = (name: string, at: number, changed: (one: Wanted) => Wanted | null): void => {
    const one = wanted.get(name)
    const next = one?.revision === at ? changed(one) : null
    if (!next) return
    wanted.set(name, next)
    onChange()
  }
  /** In one cluster, or in either, the one or the other first. */
  const placeOf = (): object => {
    const order = chance(0.5) ? clusters : clusters.toReversed()
    return chance(0.5) ? { runtime: order[0] } : { placement: { clusters: order } }
  }
  const specOf = (name: string): DeploymentSpec =>
    deploymentSpec.parse({
      name,
      model: chance(0.15) ? 'bad' : `m${within(1, 4)}`,
      engine: 'test',
      ...placeOf(),
      replicas: within(0, 3),
      hardware: `gpu:${chance(0.2) ? 2 : 1}`,
      priority: chance(0.2) ? within(1, 5) : 0,
      rollout: {
        steps: chance(0.4)
          ? [
              { share: 0.25, bakeTime: '2s' },
              { share: 0.5, bakeTime: '2s' },
            ]
          : [],
        ...(chance(0.8) ? { surge: 1 } : { surge: 0, unavailable: 1 }),
        gate: { requests: 0 },
      },
    })

  return {
    wanted,
    all: () => [...wanted.values()],
    ledger: {
      async setProgress(name, at, progress) {
        write(
          name,
          at,
          (one) => one.rollout && { ...one, rollout: { ...one.rollout, ...progress } },
        )
      },
      async promote(name, at) {
        write(name, at, (one) => {
          tell('promoted')
          return { ...one, rollout: null }
        })
      },
      async rollBack(name, at) {
        write(name, at, (one) => {
          if (!one.rollout?.from) return null
          tell('rolled back')
          const spec = { ...one.rollout.from.spec, replicas: one.spec.replicas }
          return { ...one, spec, revision: ++revision, rollout: null }
        })
      },
    },
    changeSomething() {
      const name = pick(names)!
      const stored = wanted.get(name)
      tell('change')
      if (!stored) return change(specOf(name))
      if (chance(0.1)) {
        wanted.delete(name)
        return onChange()
      }
      if (chance(0.4)) return change({ ...stored.spec, replicas: within(0, 3) })
      const { hardware } = stored.spec
      change({ ...specOf(name), replicas: stored.spec.replicas, ...(hardware ? { hardware } : {}) })
    },
    becomeModest() {
      for (const { spec } of wanted.values())
        if (spec.model === 'bad') change({ ...spec, model: 'm1' })
      for (const name of [...wanted.keys()].slice(0, 1)) wanted.delete(name)
      for (const { spec } of wanted.values()) {
        const replicas = Math.min(1, spec.replicas)
        change({ ...spec, replicas, placement: { ...spec.placement, clusters: [...clusters] } })
      }
      onChange()
    },
  }
}

import type { SnapshotRoute } from '../../src/contract/snapshot.ts'
import type { Log } from '../../src/core/log.ts'
import type { Deployer } from '../../src/deployer/deployer.ts'
import type { Intent } from './intent.ts'
import type { Machines } from './machines.ts'

/** What must never happen, looked for in what the loop says and does. */
export interface Promises {
  /** The loop's log: it tells each thing as it does it. */
  readonly log: Log
  /** Nobody gets traffic before it is ready, and nobody who was told to leave is forgotten. */
  readonly judgeRoutes: (routes: readonly SnapshotRoute[]) => void
  /** After the last trouble: all that is wanted is there, and nothing else is. */
  judgeRest(): void
  /** A new control knows of nobody's health. */
  forget(): void
}

/** Gateways get a second to notice that one leaves; then it is told to end. */
const leavingMsMax = 10_000

export function createPromises(deps: {
  nowMs(): number
  readonly machines: Machines
  readonly intent: Intent
  deployer(): Deployer
  readonly violate: (text: string) => void
}): Promises {
  const { machines, intent, violate } = deps
  /** Replicas that were ready when the loop last looked. */
  const ready = new Set<string>()
  /** Since when they are to leave. */
  const leaving = new Map<string, number>()

  const listen = (fields: object, message: string): void => {
    const { replica = '', health, node, reason } = fields as Record<string, string | undefined>
    if (message === 'changed' && health === 'ready') ready.add(replica)
    else if (message === 'leaves') {
      if (!leaving.has(replica)) leaving.set(replica, deps.nowMs())
      judgeLeave(replica, reason ?? '')
    } else if (message === 'node lost') {
      for (const one of deps.deployer().replicas()) {
        if (one.node !== node) continue
        ready.delete(one.id)
        // When it is found again it is judged anew.
        leaving.delete(one.id)
      }
    } else {
      ready.delete(replica)
      if (message === 'stops') leaving.delete(replica)
    }
  }

  /** Of its own accord the loop never goes below what was promised. */
  const judgeLeave = (id: string, reason: string): void => {
    if (!ready.delete(id) || /makes room for|is scaled to|was deleted/.test(reason)) return
    const replicas = deps.deployer().replicas()
    const { deployment = '' } = replicas.find((one) => one.id === id) ?? {}
    const wanted = intent.wanted.get(deployment)
    if (!wanted) return
    const { spec, rollout } = wanted
    const before = rollout?.from?.spec.replicas ?? spec.replicas
    const status = deps
      .deployer()
      .deployments()
      .find((one) => one.spec.name === deployment)?.status
    // Without room beside the old ones, what was promised before has to do until the new ones are there.
    const promised = /no room/.test(status ?? '') ? Math.min(before, spec.replicas) : spec.replicas
    const left = replicas.filter((one) => one.deployment === deployment && one.state === 'ready')
    if (left.length < promised - spec.rollout.unavailable)
      violate(`${id} leaves (${reason}) and ${left.length} of ${spec.replicas} stay ready`)
  }

  return {
    log: { debug: listen, info: listen, warn: listen, error: listen } as Log,
    forget() {
      ready.clear()
      leaving.clear()
    },
    judgeRoutes(routes) {
      for (const { targets } of routes)
        for (const { replicas } of targets)
          for (const { id } of replicas)
            if (!machines.isReady(id)) violate(`${id} gets traffic before it is ready`)
      for (const [id, sinceMs] of leaving) {
        if (deps.nowMs() - sinceMs < leavingMsMax) continue
        leaving.delete(id)
        const left = deps
          .deployer()
          .replicas()
          .find((one) => one.id === id)
        if (left?.state === 'draining') violate(`${id} was told to leave and never to end`)
      }
    },
    judgeRest() {
      for (const { spec, replicas, rollout, status } of deps.deployer().deployments()) {
        const count = replicas.filter(({ state }) => state === 'ready').length
        if (count !== spec.replicas || replicas.length !== spec.replicas)
          violate(
            `${spec.name} does not settle: ${count} ready, ${replicas.length} there, ${spec.replicas} wanted: ${status}`,
          )
        if (rollout) violate(`${spec.name} does not settle: rollout ${rollout.status}`)
      }
      const known = new Set(
        deps
          .deployer()
          .replicas()
          .map(({ id }) => id),
      )
      for (const [id, { running }] of machines.running)
        if (!known.has(id) || !intent.wanted.has(running.deployment)) violate(`${id} is an orphan`)
      for (const id of known) if (!machines.running.has(id)) violate(`${id} does not exist`)
    },
  }
}

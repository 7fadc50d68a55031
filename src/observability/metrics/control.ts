import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { DeploymentView } from '../../contract/deployment.ts'
import { replicaState } from '../../contract/deployment.ts'

export interface ControlState {
  readonly deployments: readonly DeploymentView[]
  readonly replayLagBytes: number
}

export interface ControlMetrics {
  readonly registry: Registry
  /** One pass of the reconcile loop. */
  reconciled(durationMs: number): void
  acted(kind: 'start' | 'leave' | 'stop'): void
  replayed(requests: number): void
  storeFailed(code: string): void
}

/** Control's metric table. */
export function createControlMetrics(read: () => ControlState): ControlMetrics {
  const registry = new Registry()
  const registers = [registry]
  addGauges(registry, read)
  collectDefaultMetrics({ register: registry })
  const reconcile = new Histogram({
    name: 'baleen_control_reconcile_duration_seconds',
    help: 'One pass of the reconcile loop.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5],
    registers,
  })
  const actions = new Counter({
    name: 'baleen_control_actions_total',
    help: 'What the reconcile loop did to replicas.',
    labelNames: ['action'],
    registers,
  })
  const replayed = new Counter({
    name: 'baleen_control_usage_replayed_total',
    help: 'Requests brought from the journal into the store.',
    registers,
  })
  const storeErrors = new Counter({
    name: 'baleen_control_store_errors_total',
    help: 'Calls of the store that failed, by error code.',
    labelNames: ['code'],
    registers,
  })
  return {
    registry,
    reconciled: (durationMs) => reconcile.observe(durationMs / 1000),
    acted: (action) => actions.inc({ action }),
    replayed: (requests) => replayed.inc(requests),
    storeFailed: (code) => storeErrors.inc({ code }),
  }
}

function addGauges(registry: Registry, read: () => ControlState): void {
  const registers = [registry]
  new Gauge({
    name: 'baleen_control_replicas_desired',
    help: 'Replicas that a deployment asks for.',
    labelNames: ['deployment'],
    registers,
    collect() {
      this.reset()
      for (const { spec } of read().deployments) this.set({ deployment: spec.name }, spec.replicas)
    },
  })
  new Gauge({
    name: 'baleen_control_replicas',
    help: 'Replicas by state.',
    labelNames: ['deployment', 'state'],
    registers,
    collect() {
      this.reset()
      for (const { spec, replicas } of read().deployments)
        for (const state of replicaState.options)
          this.set(
            { deployment: spec.name, state },
            replicas.filter((replica) => replica.state === state).length,
          )
    },
  })
  new Gauge({
    name: 'baleen_control_usage_lag_bytes',
    help: 'Bytes of the usage journal that are not in the store yet.',
    registers,
    collect() {
      this.set(read().replayLagBytes)
    },
  })
}

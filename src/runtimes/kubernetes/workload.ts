import type { KubernetesConfig } from '../../contract/runtimes.ts'
import type { Assignment, Taint } from '../../core/node.ts'
import type { ClusterRequest } from '../../devices/device.ts'
import type { LaunchPlan } from '../../engines/engine.ts'

/** What shall run in a cluster, before it is written in the words of one. */
export interface Workload {
  /** Of its objects. */
  readonly name: string
  /** Labels that select its pods. */
  readonly selector: Readonly<Record<string, string>>
  /** More labels, on everything. */
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Null: somebody else sets it, such as an autoscaler; then it is not ours to apply. */
  readonly replicas: number | null
  readonly plan: LaunchPlan
  readonly port: number
  readonly assignment: Assignment
  /** Devices on each node; null: none. */
  readonly devices: (ClusterRequest & { readonly count: number }) | null
  /** Labels that a node must have, beyond those of the devices. */
  readonly nodeLabels: Readonly<Record<string, string>>
  /** Effect null: all of them. */
  readonly tolerates: readonly (Omit<Taint, 'effect'> & {
    readonly effect: Taint['effect'] | null
  })[]
  readonly spread: {
    readonly over: 'node' | 'zone' | 'none'
    readonly mode: 'preferred' | 'required'
  } | null
  /** Pods that may be away at a time, all replicas of the deployment together. Null: no budget of its own. */
  readonly budget: Budget | null
  readonly cluster: Pick<
    KubernetesConfig,
    | 'namespace'
    | 'address'
    | 'models'
    | 'queue'
    | 'priorityClass'
    | 'runtimeClass'
    | 'serviceAccount'
    | 'imagePullSecrets'
  >
}

interface Budget {
  readonly name: string
  readonly selector: Readonly<Record<string, string>>
}

/** An object of the API as it is applied: fields that are ours, and no others. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

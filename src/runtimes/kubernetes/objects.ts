import type { ApiObject } from './api.ts'

/** Of the API's objects, what is read here. */

export interface WorkloadObject extends ApiObject {
  readonly status?: {
    readonly conditions?: readonly Condition[]
  }
}

interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason?: string
  readonly message?: string
}

export interface Pod extends ApiObject {
  readonly spec: {
    readonly nodeName?: string
    readonly nodeSelector?: Readonly<Record<string, string>>
    readonly schedulingGates?: readonly { readonly name: string }[]
    readonly containers: readonly {
      readonly name: string
      readonly image?: string
      readonly resources?: { readonly requests?: Readonly<Record<string, string>> }
    }[]
  }
  readonly status?: {
    readonly phase?: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'
    readonly reason?: string
    readonly message?: string
    readonly podIP?: string
    readonly hostIP?: string
    readonly conditions?: readonly Condition[]
    readonly containerStatuses?: readonly ContainerStatus[]
  }
}

/** Kueue's Workload: what it thinks of a pod, or of a group of pods, that waits for quota. */
export interface QueuedObject extends ApiObject {
  readonly metadata: ApiObject['metadata'] & {
    readonly ownerReferences?: readonly { readonly uid: string }[]
  }
  readonly status?: {
    readonly conditions?: readonly Condition[]
  }
}

export interface ContainerStatus {
  readonly name: string
  readonly restartCount: number
  readonly state?: ContainerState
  readonly lastState?: ContainerState
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string }
  readonly running?: { readonly startedAt?: string }
  readonly terminated?: Termination
}

export interface Termination {
  readonly exitCode: number
  readonly signal?: number
  readonly reason?: string
  readonly message?: string
}

export interface ClusterNodeObject extends ApiObject {
  readonly spec?: {
    readonly unschedulable?: boolean
    readonly taints?: readonly {
      readonly key: string
      readonly value?: string
      readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
    }[]
  }
  readonly status?: {
    readonly allocatable?: Readonly<Record<string, string>>
    readonly conditions?: readonly Condition[]
    readonly addresses?: readonly { readonly type: string; readonly address: string }[]
  }
}

export interface ServiceObject extends ApiObject {
  readonly spec: {
    readonly ports: readonly { readonly port: number; readonly nodePort?: number }[]
  }
}

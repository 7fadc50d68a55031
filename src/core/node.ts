import type { Device } from './device.ts'

/** A place where replicas run: a machine, a namespace on it, a node of a cluster. */
export interface Node {
  /** Unique over all runtimes. */
  readonly name: string
  /** Name of the runtime that starts things here. */
  readonly runtime: string
  /** `cordoned`: what runs stays, nothing new comes. `gone`: it can't be reached. */
  readonly state: 'ready' | 'cordoned' | 'gone'
  /** What the state means for a person; empty where it is ready. */
  readonly reason: string
  readonly zone: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  /** It may be taken away at short notice. */
  readonly isSpot: boolean
  /** Of the whole node. Null: not known. */
  readonly pricePerHourUsd: number | null
  /** Nodes of one group share a fast network (InfiniBand, NVLink over nodes), so that a model may span them. */
  readonly interconnectGroup: string | null
  readonly cpus: number
  readonly memoryBytes: number
  readonly freeMemoryBytes: number
  readonly devices: readonly Device[]
}

export interface Taint {
  readonly key: string
  readonly value: string
  /** `prefer-no`: only if there is no other. */
  readonly effect: 'no' | 'prefer-no' | 'evict'
}

/** Where a replica shall run and what it may use there. */
export interface Assignment {
  /** Null: any runtime that takes it; with one runtime, that. */
  readonly runtime: string | null
  /** Null: the runtime chooses. */
  readonly node: string | null
  /** Ids of devices of the node. */
  readonly devices: readonly string[]
  /** For runtimes that choose devices themselves, where none are named: what kind and how many a node. */
  readonly accelerators: AcceleratorRequest | null
  /** Labels of the nodes, where the runtime chooses them. */
  readonly labels: Readonly<Record<string, string>>
  /** Taints that it may run on all the same: `dedicated=llm`, or `dedicated` with any value. */
  readonly tolerates: readonly string[]
  /** Nodes that one replica spans; each gets as many devices. */
  readonly nodes: number
  /** Bounds a node. Null: none. */
  readonly memoryBytes: number | null
  readonly cpus: number | null
}

export interface AcceleratorRequest {
  /** As in `Device`. */
  readonly vendor: string
  /** As in `Device`; null: any. */
  readonly model: string | null
  /** Of a slice, such as `1g.10gb`. Null: whole devices. */
  readonly profile: string | null
  readonly count: number
}

/** Wherever there is room, without a device of its own. */
export const anywhere: Assignment = {
  runtime: null,
  node: null,
  devices: [],
  accelerators: null,
  labels: {},
  tolerates: [],
  nodes: 1,
  memoryBytes: null,
  cpus: null,
}

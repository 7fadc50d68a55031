import type { Device, DeviceReading } from '../core/device.ts'
import type { AcceleratorRequest, Taint } from '../core/node.ts'

/** What Baleen has to know of a maker of accelerators. A new chip is a folder, or an entry in the config. */
export interface DeviceVendor {
  /** As in `Device`. */
  readonly name: string
  /** Devices of this machine; empty where the vendor's tool is missing or finds none. */
  inventory(): Promise<readonly Device[]>
  readings(): Promise<readonly DeviceReading[]>
  /** Environment that keeps a process to these devices of its own. */
  pin(devices: readonly Device[]): Readonly<Record<string, string>>
  container(devices: readonly Device[]): ContainerAccess
  readonly kubernetes: KubernetesDevices
}

/** How a container is let at devices. */
export interface ContainerAccess {
  /** For the container runtime's own device driver, such as NVIDIA's. */
  readonly request: { readonly driver: string; readonly ids: readonly string[] } | null
  /** Device files. */
  readonly files: readonly string[]
  readonly groups: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** How a cluster tells of devices and is asked for them. */
export interface KubernetesDevices {
  /** One for each that the node offers; the cluster itself decides which a pod gets. */
  read(node: ClusterNode): readonly ClusterDevice[]
  ask(request: AcceleratorRequest): ClusterRequest
}

export interface ClusterNode {
  readonly labels: Readonly<Record<string, string>>
  /** `status.allocatable` */
  readonly allocatable: Readonly<Record<string, string>>
}

/** Devices of one kind on a node of a cluster. */
export interface ClusterDevice {
  readonly resource: string
  readonly count: number
  readonly model: string
  /** 0: the cluster does not tell. */
  readonly memoryBytes: number
  readonly profile: string | null
  readonly isLinked: boolean
}

export interface ClusterRequest {
  readonly resource: string
  readonly nodeSelector: Readonly<Record<string, string>>
  readonly tolerations: readonly Taint[]
}

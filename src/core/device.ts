/** Vendor of devices that only the engine `simulated` plays. */
export const playedVendor = 'simulated'

/** One accelerator that a replica can be given, or a slice of one. */
export interface Device {
  /** Unique on its node and the same after a restart: a UUID or bus address where the vendor has one. */
  readonly id: string
  /** Name of the vendor's folder in `devices/`, or of a generic one from the config: `nvidia`, `amd`, `fpga`. */
  readonly vendor: string
  /** As its tool says: `NVIDIA H100 80GB HBM3`. */
  readonly model: string
  /** Its place on the node, as tools count. */
  readonly index: number
  readonly memoryBytes: number
  /** As seen now, whoever uses the rest. Where only a scheduler is asked: 0 once it is given away. */
  readonly freeMemoryBytes: number
  /** Devices of a node with the same group reach each other over a fast link. Null: over the bus only. */
  readonly linkGroup: string | null
  /** A slice: which device it is cut from, and how. Slices never have a fast link. */
  readonly slice: { readonly of: string; readonly profile: string } | null
  /** Why nothing may be started on it: `ECC errors`. Null: it is sound. */
  readonly fault: string | null
}

/** What a device does at one moment. Null: it does not tell. */
export interface DeviceReading {
  readonly id: string
  /** Share of time in use, 0 to 1. */
  readonly utilisation: number | null
  readonly memoryUsedBytes: number | null
  readonly temperatureC: number | null
  readonly powerW: number | null
}

/** Memory that may be taken without anybody using the device: drivers and displays. */
const foreignShare = 0.1

/** Something that Baleen did not start uses it, where no replica of ours does. */
export const isInUse = ({
  memoryBytes,
  freeMemoryBytes,
}: Pick<Device, 'memoryBytes' | 'freeMemoryBytes'>): boolean =>
  freeMemoryBytes < memoryBytes * (1 - foreignShare)

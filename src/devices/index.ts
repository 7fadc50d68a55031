import type { DeviceConfig } from '../contract/runtimes.ts'
import type { DeviceVendor } from './device.ts'
import { createAmd } from './amd/amd.ts'
import { createGeneric, type GenericDevices } from './generic/generic.ts'
import { wellKnown } from './generic/well-known.ts'
import { createNvidia } from './nvidia/nvidia.ts'

/** One line a vendor; those of the config come first, so that it can say better than we do. */
export function createVendors(configured: readonly DeviceConfig[] = []): readonly DeviceVendor[] {
  const generic = [...configured.map(fromConfig), ...wellKnown].map(createGeneric)
  const all = [...generic.slice(0, configured.length), createNvidia(), createAmd()]
  const known = new Set(all.map((vendor) => vendor.name))
  return [...all, ...generic.slice(configured.length).filter((vendor) => !known.has(vendor.name))]
}

const fromConfig = ({ name, devices, pin, files, kubernetes }: DeviceConfig): GenericDevices => ({
  name,
  devices: devices.map(({ id, model, memory }) => ({ id, model, memoryBytes: memory })),
  pin,
  files,
  kubernetes: kubernetes
    ? {
        name,
        resources: [kubernetes.resource],
        modelLabels: kubernetes.modelLabel === undefined ? [] : [kubernetes.modelLabel],
        memoryLabel: kubernetes.memoryLabel ?? null,
        taint: kubernetes.taint ?? null,
        isLinked: false,
      }
    : null,
})

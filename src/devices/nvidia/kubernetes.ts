import type { KubernetesDevices } from '../device.ts'
import { byResource } from '../kubernetes.ts'

const whole = 'nvidia.com/gpu'
const slicePrefix = 'nvidia.com/mig-'
const productLabel = 'nvidia.com/gpu.product'
const mib = 2 ** 20
/** Boards with NVLink between all GPUs of a node. A PCIe card says so in its name. */
const linked = /SXM|HBM3|H200(?!-NVL)|B[23]00|GB\d00/

/**
 * The device plugin's resources with the labels of GPU feature discovery. With MIG strategy `mixed` slices have
 * resources of their own; with `single` they stand under the plain name and the product ends in `-MIG-1g.10gb`.
 */
export const nvidiaKubernetes: KubernetesDevices = {
  read({ labels, allocatable }) {
    const product =
      labels[productLabel] ?? labels['cloud.google.com/gke-accelerator'] ?? 'NVIDIA GPU'
    const memoryBytes = (Number(labels['nvidia.com/gpu.memory']) || 0) * mib
    const common = {
      model: product,
      memoryBytes,
      isLinked: linked.test(product),
    }
    const single = /-MIG-(\S+)$/.exec(product)?.[1] ?? null
    return [
      ...byResource(allocatable, (resource) =>
        resource === whole
          ? { ...common, profile: single, isLinked: common.isLinked && single === null }
          : null,
      ),
      ...byResource(allocatable, (resource) => {
        if (!resource.startsWith(slicePrefix)) return null
        const profile = resource.slice(slicePrefix.length)
        const gigabytes = /\.(\d+)gb/.exec(profile)?.[1]
        return {
          model: product,
          memoryBytes: Number(gigabytes ?? 0) * 2 ** 30,
          profile,
          isLinked: false,
        }
      }),
    ].filter((device) => device.count > 0)
  },
  ask: ({ model, profile }) => ({
    resource: profile === null ? whole : `${slicePrefix}${profile}`,
    nodeSelector: model === null ? {} : { [productLabel]: model },
    tolerations: [{ key: whole, value: '', effect: 'no' }],
  }),
}

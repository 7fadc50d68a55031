import type { ClusterDevice, KubernetesDevices } from './device.ts'

/** The devices that a node offers under each resource that `describe` knows. */
export function byResource(
  allocatable: Readonly<Record<string, string>>,
  describe: (resource: string) => Omit<ClusterDevice, 'resource' | 'count'> | null,
): readonly ClusterDevice[] {
  return Object.entries(allocatable).flatMap(([resource, text]) => {
    const described = describe(resource)
    const count = Number(text)
    return described && Number.isInteger(count) && count > 0
      ? [{ ...described, resource, count }]
      : []
  })
}

export interface ResourceWords {
  /** The first one is asked for; the others are read, too. */
  readonly resources: readonly [string, ...string[]]
  readonly name: string
  /** Labels that name the model, the first that is there. */
  readonly modelLabels: readonly string[]
  /** A label with the memory of one device, in MiB or as `64G`. */
  readonly memoryLabel: string | null
  readonly taint: string | null
  readonly isLinked: boolean
}

/** Devices behind a device plugin without slices. */
export function pluginDevices(words: ResourceWords): KubernetesDevices {
  const [asked] = words.resources
  return {
    read: ({ labels, allocatable }) =>
      byResource(allocatable, (resource) =>
        words.resources.includes(resource)
          ? {
              model: labelOf(labels, words.modelLabels) ?? words.name,
              memoryBytes: bytesOf(words.memoryLabel === null ? '' : labels[words.memoryLabel]),
              profile: null,
              isLinked: words.isLinked,
            }
          : null,
      ),
    ask: ({ model }) => ({
      resource: asked,
      nodeSelector:
        model === null || words.modelLabels[0] === undefined
          ? {}
          : { [words.modelLabels[0]]: model },
      tolerations: words.taint === null ? [] : [{ key: words.taint, value: '', effect: 'no' }],
    }),
  }
}

const labelOf = (
  labels: Readonly<Record<string, string>>,
  names: readonly string[],
): string | undefined => names.map((name) => labels[name]).find((value) => value !== undefined)

function bytesOf(text: string | undefined): number {
  const match = /^(\d+)(G|M)?i?$/.exec(text ?? '')
  if (!match) return 0
  return Number(match[1]) * (match[2] === 'G' ? 2 ** 30 : 2 ** 20)
}

import { describe, expect, it } from 'vitest'
import { createVendors } from '../../devices/index.ts'
import { nodesOf } from './nodes.ts'
import type { ClusterNodeObject, Pod } from './objects.ts'
import { parseQuantity } from './quantity.ts'

const gib = 2 ** 30
const metadata = (name: string, labels: Record<string, string> = {}) => ({
  name,
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '2026-11-26T10:00:00Z',
  labels,
})
const node = (name: string, changes: Partial<ClusterNodeObject> = {}): ClusterNodeObject => ({
  metadata: metadata(name, {
    'topology.kubernetes.io/zone': 'eu-1a',
    'node.kubernetes.io/instance-type': 'p5.48xlarge',
    'eks.amazonaws.com/capacityType': 'SPOT',
    'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3',
    'nvidia.com/gpu.memory': '81920',
  }),
  spec: {
    taints: [
      { key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' },
      { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
    ],
  },
  status: {
    allocatable: { cpu: '190', memory: '2000Gi', 'nvidia.com/gpu': '4' },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
  ...changes,
})
const pod = (name: string, requests: Record<string, string>, phase = 'Running'): Pod =>
  ({
    metadata: metadata(name),
    spec: { nodeName: 'a', containers: [{ name: 'x', resources: { requests } }] },
    status: { phase },
  }) as Pod

const read = (
  nodes: readonly ClusterNodeObject[],
  pods: readonly Pod[] = [],
  held: string[] = [],
) =>
  nodesOf({
    runtime: 'prod',
    nodes,
    pods,
    vendors: createVendors(),
    prices: { 'p5.48xlarge': 55.04 },
    heldBy: (one) => (one.metadata.name === 'ours' ? held : []),
  }).map((view) => view.node)

describe('nodes of a cluster', () => {
  it('tell where they are, what they cost and what they offer', () => {
    const [first] = read([node('a')])
    expect(first).toMatchObject({
      name: 'prod/a',
      runtime: 'prod',
      state: 'ready',
      zone: 'eu-1a',
      isSpot: true,
      pricePerHourUsd: 55.04,
      cpus: 190,
      memoryBytes: 2000 * gib,
      freeMemoryBytes: 2000 * gib,
      taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'no' }],
    })
    expect(first?.devices.map((device) => device.id)).toEqual(
      [0, 1, 2, 3].map((index) => `prod/a/nvidia.com/gpu/${index}`),
    )
    expect(first?.devices[0]).toMatchObject({
      vendor: 'nvidia',
      model: 'NVIDIA-H100-80GB-HBM3',
      memoryBytes: 80 * gib,
      linkGroup: 'node',
    })
  })

  it('count what others use as taken, and let ours keep their devices', () => {
    const requests = { 'nvidia.com/gpu': '1', memory: '500Gi', cpu: '500m' }
    const pods = [
      pod('ours', requests),
      pod('theirs', requests),
      pod('over', requests, 'Succeeded'),
    ]
    const [first] = read([node('a')], pods, ['prod/a/nvidia.com/gpu/1'])
    expect(first?.devices.map((device) => device.freeMemoryBytes > 0)).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(first?.freeMemoryBytes).toBe(1000 * gib)
  })

  it('are cordoned or gone, and say why', () => {
    const cordoned = node('b', { spec: { unschedulable: true } })
    const message = 'Kubelet stopped posting node status.'
    const lost = node('c', {
      status: { conditions: [{ type: 'Ready', status: 'Unknown', message }] },
    })
    expect(read([cordoned, lost]).map(({ state, reason }) => [state, reason])).toEqual([
      ['cordoned', 'it is cordoned'],
      ['gone', message],
    ])
  })
})

describe('quantities', () => {
  it.each([
    ['250m', 0.25],
    ['64Gi', 64 * gib],
    ['1e3', 1000],
    ['1.5G', 1.5e9],
    ['7', 7],
    ['', 0],
    ['many', 0],
    [undefined, 0],
  ])('%s is %d', (text, value) => expect(parseQuantity(text)).toBe(value))
})

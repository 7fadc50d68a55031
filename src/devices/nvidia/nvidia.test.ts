import { describe, expect, it } from 'vitest'
import type { RunTool } from '../tool.ts'
import { linkGroups, parseSlices } from './nvidia-smi.ts'
import { createNvidia } from './nvidia.ts'

const gib = 2 ** 30
const mib = 2 ** 20

/** As of driver 570 on a machine with two of its four GPUs bridged, one cut up, one broken. */
const outputs = {
  query: [
    '0, GPU-5c2f0a4e-27c3-9a4b-0d4f-6a1b0b2f1c01, NVIDIA H100 80GB HBM3, 81559, 612, 80384, 37, 34, 118.25, 0',
    '1, GPU-8e8a6d5e-8d9e-5c7b-31d8-0b6f8a2d7e02, NVIDIA H100 80GB HBM3, 81559, 4, 80992, 0, 31, 70.10, 0',
    '2, GPU-1b1b1b1b-2c2c-3d3d-4e4e-5f5f5f5f5f03, NVIDIA H100 80GB HBM3, 81559, 90, 80905, [N/A], 33, 71.00, 0',
    '3, GPU-dead0000-2c2c-3d3d-4e4e-5f5f5f5f5f04, NVIDIA H100 80GB HBM3, 81559, [Unknown Error], [Unknown Error], [GPU requires reset], [Unknown Error], [Unknown Error], [N/A]',
    '',
  ].join('\n'),
  list: [
    'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-5c2f0a4e-27c3-9a4b-0d4f-6a1b0b2f1c01)',
    'GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-8e8a6d5e-8d9e-5c7b-31d8-0b6f8a2d7e02)',
    'GPU 2: NVIDIA H100 80GB HBM3 (UUID: GPU-1b1b1b1b-2c2c-3d3d-4e4e-5f5f5f5f5f03)',
    '  MIG 3g.40gb     Device  0: (UUID: MIG-7c1f0a4e-0000-5a4b-8d4f-6a1b0b2f1c11)',
    '  MIG 1g.10gb     Device  1: (UUID: MIG-8c1f0a4e-0000-5a4b-8d4f-6a1b0b2f1c12)',
    'GPU 3: NVIDIA H100 80GB HBM3 (UUID: GPU-dead0000-2c2c-3d3d-4e4e-5f5f5f5f5f04)',
    '',
  ].join('\n'),
  topology: [
    '\t\u001B[4mGPU0\tGPU1\tGPU2\tGPU3\tNIC0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\u001B[0m',
    'GPU0\t X \tNV18\tSYS\tSYS\tPXB\t0-51\t0\t\tN/A',
    'GPU1\tNV18\t X \tSYS\tSYS\tPXB\t0-51\t0\t\tN/A',
    'GPU2\tSYS\tSYS\t X \tPHB\tSYS\t52-103\t1\t\tN/A',
    'GPU3\tSYS\tSYS\tPHB\t X \tSYS\t52-103\t1\t\tN/A',
    'NIC0\tPXB\tPXB\tSYS\tSYS\t X ',
    '',
    'Legend:',
    '  NV#  = Connection traversing a bonded set of # NVLinks',
  ].join('\n'),
}

const run: RunTool = async ([command, what = '']) => {
  if (command !== 'nvidia-smi') return null
  if (what === '-L') return outputs.list
  return what === 'topo' ? outputs.topology : outputs.query
}

describe('nvidia devices', () => {
  it('reads cards, links, slices and faults', async () => {
    const devices = await createNvidia(run).inventory()
    expect(devices.map(({ id, linkGroup }) => [id.slice(0, 12), linkGroup])).toEqual([
      ['GPU-5c2f0a4e', 'nvlink-0'],
      ['GPU-8e8a6d5e', 'nvlink-0'],
      ['MIG-7c1f0a4e', null],
      ['MIG-8c1f0a4e', null],
      ['GPU-dead0000', null],
    ])
    expect(devices[0]).toMatchObject({
      vendor: 'nvidia',
      model: 'NVIDIA H100 80GB HBM3',
      index: 0,
      memoryBytes: 81_559 * mib,
      freeMemoryBytes: 80_384 * mib,
      slice: null,
      fault: null,
    })
    expect(devices[2]).toMatchObject({
      memoryBytes: 40 * gib,
      slice: { of: 'GPU-1b1b1b1b-2c2c-3d3d-4e4e-5f5f5f5f5f03', profile: '3g.40gb' },
    })
    expect(devices[4]?.fault).toBe('GPU requires reset')
    expect(new Set(devices.map((device) => device.index)).size).toBe(devices.length)
  })

  it('takes what the tool does not tell as not known', async () => {
    const readings = await createNvidia(run).readings()
    expect(readings[0]).toEqual({
      id: 'GPU-5c2f0a4e-27c3-9a4b-0d4f-6a1b0b2f1c01',
      utilisation: 0.37,
      memoryUsedBytes: 612 * mib,
      temperatureC: 34,
      powerW: 118.25,
    })
    expect(readings[2]?.utilisation).toBeNull()
    expect(readings[3]).toMatchObject({ memoryUsedBytes: null, temperatureC: null, powerW: null })
  })

  it('has nothing where the tool is missing or says something else', async () => {
    expect(await createNvidia(async () => null).inventory()).toEqual([])
    const failed = 'NVIDIA-SMI has failed because it couldn’t communicate with the NVIDIA driver.'
    expect(await createNvidia(async () => failed).inventory()).toEqual([])
    expect(parseSlices(failed)).toEqual([])
    expect(linkGroups(failed).size).toBe(0)
  })

  it('pins by UUID, for a process and for a container', async () => {
    const vendor = createNvidia(run)
    const devices = (await vendor.inventory()).slice(2, 4)
    const ids = 'MIG-7c1f0a4e-0000-5a4b-8d4f-6a1b0b2f1c11,MIG-8c1f0a4e-0000-5a4b-8d4f-6a1b0b2f1c12'
    expect(vendor.pin(devices)).toEqual({
      CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
      CUDA_VISIBLE_DEVICES: ids,
    })
    expect(vendor.container(devices).request).toEqual({ driver: 'nvidia', ids: ids.split(',') })
  })

  it('joins those that are linked through others, and none over the bus', () => {
    const text = [
      '\tGPU0\tGPU1\tGPU2\tGPU3',
      'GPU0\t X \tNV4\tPHB\tPHB',
      'GPU1\tNV4\t X \tNV4\tPHB',
      'GPU2\tPHB\tNV4\t X \tPHB',
      'GPU3\tPHB\tPHB\tPHB\t X ',
    ].join('\n')
    const groups = linkGroups(text)
    expect([0, 1, 2].map((gpu) => groups.get(gpu))).toEqual(['nvlink-0', 'nvlink-0', 'nvlink-0'])
    expect(groups.has(3)).toBe(false)
  })
})

describe('nvidia devices in Kubernetes', () => {
  const { kubernetes } = createNvidia(run)
  const labels = {
    'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3',
    'nvidia.com/gpu.memory': '81559',
  }

  it('reads whole cards and slices', () => {
    const allocatable = { cpu: '104', 'nvidia.com/gpu': '6', 'nvidia.com/mig-1g.10gb': '14' }
    expect(kubernetes.read({ labels, allocatable })).toEqual([
      {
        resource: 'nvidia.com/gpu',
        count: 6,
        model: 'NVIDIA-H100-80GB-HBM3',
        memoryBytes: 81_559 * mib,
        profile: null,
        isLinked: true,
      },
      {
        resource: 'nvidia.com/mig-1g.10gb',
        count: 14,
        model: 'NVIDIA-H100-80GB-HBM3',
        memoryBytes: 10 * gib,
        profile: '1g.10gb',
        isLinked: false,
      },
    ])
    expect(kubernetes.read({ labels, allocatable: { 'nvidia.com/gpu': '0' } })).toEqual([])
  })

  it('asks for a model by its label and for a slice by its resource', () => {
    const request = { vendor: 'nvidia', model: 'NVIDIA-H100-80GB-HBM3', profile: null, count: 2 }
    expect(kubernetes.ask(request)).toEqual({
      resource: 'nvidia.com/gpu',
      nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3' },
      tolerations: [{ key: 'nvidia.com/gpu', value: '', effect: 'no' }],
    })
    expect(kubernetes.ask({ ...request, model: null, profile: '2g.20gb' })).toMatchObject({
      resource: 'nvidia.com/mig-2g.20gb',
      nodeSelector: {},
    })
  })
})

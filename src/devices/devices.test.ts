import { describe, expect, it } from 'vitest'
import { deviceConfig } from '../contract/runtimes.ts'
import { createVendors } from './index.ts'

const vendor = (name: string, vendors = createVendors()) =>
  vendors.find((one) => one.name === name)!

const request = { model: null, profile: null, count: 1 }

describe('device vendors', () => {
  it.each([
    ['nvidia', 'nvidia.com/gpu', 'nvidia.com/gpu'],
    ['amd', 'amd.com/gpu', 'amd.com/gpu'],
    ['intel', 'gpu.intel.com/i915', undefined],
    ['gaudi', 'habana.ai/gaudi', 'habana.ai/gaudi'],
    ['tpu', 'google.com/tpu', 'google.com/tpu'],
    ['neuron', 'aws.amazon.com/neuron', 'aws.amazon.com/neuron'],
    ['ascend', 'huawei.com/Ascend910', undefined],
  ])('asks a cluster for %s by its resource', (name, resource, taint) => {
    const asked = vendor(name).kubernetes.ask({ ...request, vendor: name })
    expect(asked.resource).toBe(resource)
    expect(asked.tolerations[0]?.key).toBe(taint)
  })

  it('reads every resource of a kind, and leaves out what is no number', () => {
    const { kubernetes } = vendor('intel')
    const allocatable = { 'gpu.intel.com/xe': '2', 'gpu.intel.com/i915': 'many', memory: '1Ki' }
    expect(kubernetes.read({ labels: {}, allocatable })).toMatchObject([
      { resource: 'gpu.intel.com/xe', count: 2, model: 'Intel GPU' },
    ])
  })

  it('takes a chip that nobody knows from the config', async () => {
    const config = deviceConfig.parse({
      name: 'fpga',
      devices: [{ id: 'fpga-7', model: 'Alveo U55C', memory: '16GiB' }],
      pin: { XRT_DEVICE: '{indices}', FPGA_IDS: '{ids}' },
      files: ['/dev/xclmgmt', '/dev/dri/renderD{index}'],
      kubernetes: { resource: 'xilinx.com/fpga', taint: 'xilinx.com/fpga' },
    })
    const fpga = vendor('fpga', createVendors([config]))
    const devices = await fpga.inventory()
    expect(devices).toMatchObject([{ id: 'fpga-7', vendor: 'fpga', memoryBytes: 16 * 2 ** 30 }])
    expect(fpga.pin(devices)).toEqual({ XRT_DEVICE: '0', FPGA_IDS: 'fpga-7' })
    expect(fpga.container(devices).files).toEqual(['/dev/xclmgmt', '/dev/dri/renderD0'])
    expect(fpga.kubernetes.ask({ ...request, vendor: 'fpga' }).resource).toBe('xilinx.com/fpga')
  })

  it('says what is missing where a cluster can not be asked', () => {
    const fpga = vendor('fpga', createVendors([deviceConfig.parse({ name: 'fpga' })]))
    expect(() => fpga.kubernetes.ask({ ...request, vendor: 'fpga' })).toThrow(
      expect.objectContaining({ code: 'runtime/unknown-device' }),
    )
  })

  it('lets the config say better than Baleen', () => {
    const config = deviceConfig.parse({
      name: 'tpu',
      kubernetes: { resource: 'example.com/tpu' },
    })
    const vendors = createVendors([config])
    expect(vendors.filter((one) => one.name === 'tpu')).toHaveLength(1)
    expect(vendor('tpu', vendors).kubernetes.ask({ ...request, vendor: 'tpu' }).resource).toBe(
      'example.com/tpu',
    )
  })
})

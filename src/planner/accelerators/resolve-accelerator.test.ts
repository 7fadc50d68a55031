import { describe, expect, it } from 'vitest'
import { acceleratorCatalogue, resolveAccelerator } from './resolve-accelerator.ts'

describe('accelerator catalogue', () => {
  it('has at least fifty devices of many vendors, each with a source', () => {
    expect(acceleratorCatalogue.length).toBeGreaterThanOrEqual(50)
    const vendors = new Set(acceleratorCatalogue.map(({ accelerator }) => accelerator.vendor))
    for (const vendor of ['nvidia', 'amd', 'intel', 'google', 'aws', 'cpu'] as const)
      expect(vendors).toContain(vendor)
    expect(acceleratorCatalogue.every(({ accelerator }) => accelerator.source !== '')).toBe(true)
  })
})

describe('resolveAccelerator', () => {
  it.each([
    ['h100_sxm', 'H100-SXM-80GB'],
    ['NVIDIA H100 80GB HBM3', 'H100-SXM-80GB'],
    ['H100 NVL', 'H100-NVL-94GB'],
    ['NVIDIA L40S', 'L40S'],
    ['L4', 'L4'],
    ['A10', 'A10'],
    ['Nvidia A100 GPU', 'A100-SXM4-80GB'],
    ['AMD Instinct MI300X 192GB HBM3', 'MI300X'],
    ['NVIDIA GeForce RTX 4090', 'RTX 4090'],
    ['4090', 'RTX 4090'],
    ['gb200', 'GB200'],
  ])('reads %s as %s', (name, expected) => {
    expect(resolveAccelerator(name)?.name).toBe(expected)
  })

  it('knows nothing of what nobody makes', () => {
    expect(resolveAccelerator('N/A')).toBeNull()
    expect(resolveAccelerator('')).toBeNull()
  })
})

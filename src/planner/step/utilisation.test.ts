import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Kernel } from '../kernel-precision.ts'
import { acceleratorCatalogue } from '../accelerators/resolve-accelerator.ts'
import { kernelTimeUs, utilisationTable, type UtilisationTable } from './utilisation.ts'

const kernels: readonly Kernel[] = ['bf16', 'fp8', 'int8', 'int4', 'mxfp4', 'nvfp4']
const tables = new Map<string, UtilisationTable>()
for (const { accelerator } of acceleratorCatalogue)
  for (const kind of ['gemm', 'moe'] as const)
    for (const kernel of kernels) {
      const table = utilisationTable(kind, accelerator, kernel)
      tables.set(table.name, table)
    }

/** log2 of µs: from far below to far above what was measured. */
const work = fc.double({ min: -8, max: 16, noNaN: true })
const more = fc.double({ min: 0, max: 3, noNaN: true })

describe.each([...tables])('%s', (_, table) => {
  test('takes no less time for more work', () =>
    fc.assert(
      fc.property(work, work, more, more, (compute, memory, computeMore, memoryMore) => {
        const before = kernelTimeUs(table, 2 ** compute, 2 ** memory)
        const after = kernelTimeUs(table, 2 ** (compute + computeMore), 2 ** (memory + memoryMore))
        // Tables are written with three digits.
        return after >= before * 0.99
      }),
      { numRuns: 500, seed: 20_261_127 },
    ))

  test('never beats the roofline by more than a cache may', () => {
    expect(kernelTimeUs(table, 4, 64)).toBeGreaterThan(64 / 1.3)
    expect(kernelTimeUs(table, 4096, 64)).toBeGreaterThan(4096 / 1.3)
  })
})

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
const span = { from: -8, to: 15, by: 0.2 }
const points = Array.from(
  { length: (span.to - span.from) / span.by },
  (_, at) => span.from + at * span.by,
)

describe.each([...tables])('%s', (_, table) => {
  test('takes no less time for more work', () => {
    const time = (compute: number, memory: number) => kernelTimeUs(table, 2 ** compute, 2 ** memory)
    let least = Infinity
    for (const compute of points)
      for (const memory of points) {
        const now = time(compute, memory)
        const more = Math.min(time(compute + span.by, memory), time(compute, memory + span.by))
        least = Math.min(least, more / now)
      }
    // Tables are written with three digits.
    expect(least).toBeGreaterThan(0.99)
  })

  test('never beats the roofline by more than a cache may', () => {
    expect(kernelTimeUs(table, 4, 64)).toBeGreaterThan(64 / 1.3)
    expect(kernelTimeUs(table, 4096, 64)).toBeGreaterThan(4096 / 1.3)
  })
})

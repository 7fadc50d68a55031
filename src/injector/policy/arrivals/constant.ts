import type { ArrivalProcess } from './arrival-process.ts'

export const constant: ArrivalProcess = {
  name: 'constant',
  summary: 'Even gaps, the first request at once',
  parameters: {},
  generate: ({ ratePerS, durationMs }) =>
    Float64Array.from(
      { length: Math.ceil((durationMs / 1000) * ratePerS - 1e-9) },
      (_, index) => (index * 1000) / ratePerS,
    ),
}

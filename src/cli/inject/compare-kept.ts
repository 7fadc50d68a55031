import type { InjectionReport } from '../../contract/injection.ts'
import type { InjectionSpec } from '../../contract/injection-spec.ts'
import { formatMs, formatRate, formatShare } from '../../injector/report/figures.ts'

/** Runs side by side. */
export interface KeptComparison {
  readonly runs: readonly string[]
  readonly figures: readonly {
    readonly name: string
    readonly values: readonly (number | null)[]
  }[]
  /** What was asked of the runs differs in this. */
  readonly differences: readonly string[]
}

const figures: readonly (readonly [string, (report: InjectionReport) => number | null])[] = [
  ['requests/s', ({ summary }) => summary.requestsPerSecond],
  ['output tokens/s', ({ summary }) => summary.outputTokensPerSecond],
  ['goodput, requests/s', ({ summary }) => summary.goodputPerSecond],
  ['attainment', ({ summary }) => summary.attainment],
  ['TTFT p50, ms', ({ summary }) => summary.ttftMs.p50],
  ['TTFT p90, ms', ({ summary }) => summary.ttftMs.p90],
  [
    'TTFT p99, ms',
    ({ summary: { ttftMs } }) => (ttftMs.atLeast.includes('p99') ? null : ttftMs.p99),
  ],
  ['TPOT p50, ms', ({ summary }) => summary.tpotMs.p50],
  ['TPOT p90, ms', ({ summary }) => summary.tpotMs.p90],
  ['E2E p50, ms', ({ summary }) => summary.e2eMs.p50],
  ['failed', ({ summary }) => summary.requests - (summary.outcomes.ok ?? 0)],
]

export function compareKept(reports: readonly InjectionReport[]): KeptComparison {
  const [first] = reports
  return {
    runs: reports.map(({ id }) => id),
    figures: figures.map(([name, value]) => ({ name, values: reports.map(value) })),
    differences: [
      ...new Set(reports.slice(1).flatMap((report) => specDifferences(first!.spec, report.spec))),
      ...reports
        .filter(({ summary }) => !summary.validity.isTrustworthy)
        .map(({ id }) => `${id} is not to be trusted`),
    ],
  }
}

/** Each figure, and its change against the first run. */
export const keptTable = ({ runs, figures: rows }: KeptComparison): [string[], string[][]] => [
  ['', ...runs],
  rows.map(({ name, values: [first = null, ...rest] }) => {
    const format =
      name === 'attainment'
        ? formatShare
        : name === 'failed'
          ? String
          : name.endsWith('ms')
            ? formatMs
            : formatRate
    return [
      name,
      format(first),
      ...rest.map((value) => `${format(value)}${changeText(first, value)}`),
    ]
  }),
]

function changeText(first: number | null, value: number | null): string {
  if (first === null || value === null || first === 0) return ''
  const percent = (value / first - 1) * 100
  return ` (${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %)`
}

/** Where runs' targets differ, that is what is compared; anything else makes the figures those of other work. */
function specDifferences(a: InjectionSpec, b: InjectionSpec): string[] {
  const parts = [
    'endpoint',
    'load',
    'durationMs',
    'warmupMs',
    'workload',
    'request',
    'slo',
    'faults',
  ] as const
  return parts.flatMap((part) => differencesOf(part, a[part], b[part]))
}

function differencesOf(name: string, a: unknown, b: unknown): string[] {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)]
  if (left === right) return []
  if (isObject(a) && isObject(b))
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
      differencesOf(`${name}.${key}`, a[key], b[key]),
    )
  return [`other ${name}: ${shortened(left)} against ${shortened(right)}`]
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const shortened = (text: string | undefined): string =>
  text === undefined ? 'none' : text.length > 80 ? `${text.slice(0, 77)}…` : text

import { formatDurationMs } from '../../core/units.ts'
import type { Distribution, SimulationSummary } from '../../simulator/results/summarise.ts'
import type { Style } from '../io.ts'
import { formatTable } from '../table.ts'

/** A run for a terminal. */
export function reportText(summary: SimulationSummary, style: Style): string {
  const facts = factRows(summary)
  const width = Math.max(...facts.map(([name]) => name.length)) + 2
  return [
    ...facts.map(([name, value]) => `${style('dim', name.padEnd(width))}${value}`),
    '',
    formatTable(latencyHeader, latencyRows(summary), style),
    '',
    formatTable(replicaHeader, replicaRows(summary), style),
    ...(summary.scaling.length === 0
      ? []
      : ['', formatTable(scalingHeader, shown(scalingRows(summary)), style)]),
  ].join('\n')
}

export function factRows(summary: SimulationSummary): [string, string][] {
  const { requests, attainment } = summary
  const others = (['rejected', 'failed', 'open'] as const)
    .filter((outcome) => requests[outcome] > 0)
    .map((outcome) => `, ${requests[outcome]} ${outcome}`)
  return [
    ['requests', `${requests.finished} finished${others.join('')}`],
    ['time', formatDurationMs(summary.durationMs)],
    ['throughput', `${short(summary.requestsPerS)} requests/s`],
    [
      'tokens',
      `${short(summary.outputTokensPerS)} out/s, ${short(summary.promptTokensPerS)} in/s, ${percent(summary.cachedShare)} of them cached`,
    ],
    ...(attainment === null
      ? []
      : ([
          [
            'SLO',
            `${percent(attainment)} attained, ${short(summary.goodputPerS!)} good requests/s`,
          ],
        ] as [string, string][])),
    ['preemptions', String(summary.preemptions)],
    ...(summary.held === 0
      ? []
      : ([['no replica', `${summary.held} requests found none ready and were held`]] as [
          string,
          string,
        ][])),
    [
      'replica-hours',
      `${short(summary.replicaHours)} in ${formatDurationMs(summary.watchedMs)}, starts included`,
    ],
  ]
}

export const latencyHeader = ['ms', 'mean', 'p50', 'p90', 'p95', 'p99', 'max']

export function latencyRows(summary: SimulationSummary): string[][] {
  const { itlMs } = summary
  const row = (name: string, { mean, p50, p90, p95, p99, max }: Omit<Distribution, 'count'>) => [
    name,
    ...[mean, p50, p90, p95, p99, max].map((value) => (value === null ? '–' : short(value))),
  ]
  return [
    row('TTFT', summary.ttftMs),
    row('TPOT', summary.tpotMs),
    row('ITL', { ...itlMs, mean: null, p90: null, max: null }),
    row('E2E', summary.e2eMs),
    row('in queue', summary.queueMs),
  ]
}

export const replicaHeader = ['replica', 'state', 'busy', 'running', 'KV mean', 'KV max', 'steps']

export const replicaRows = (summary: SimulationSummary): string[][] =>
  summary.replicas.map((replica) => [
    replica.id,
    replica.state,
    percent(replica.utilisation),
    short(replica.runningMean),
    percent(replica.kvUsageMean),
    percent(replica.kvUsageMax),
    String(replica.steps),
  ])

export const scalingHeader = ['at', 'pool', 'replicas', 'because']

export const scalingRows = ({ scaling }: SimulationSummary): string[][] =>
  scaling.map(({ atMs, pool, from, replicas, reason }) => [
    formatDurationMs(atMs),
    pool,
    `${from} → ${replicas}`,
    reason,
  ])

/** A terminal gets the first and the last ones of very many. */
function shown(rows: string[][]): string[][] {
  const most = 40
  if (rows.length <= most) return rows
  const left = rows.length - most
  return [
    ...rows.slice(0, most / 2),
    ['…', '', '', `${left} more, all in --json and --chart FILE.html`],
    ...rows.slice(-most / 2),
  ]
}

const short = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`

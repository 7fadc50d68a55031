import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { Endpoint, JournalClose } from '../../contract/journal.ts'
import { createFoldedHistogram, type HistogramSeries } from './folded-histogram.ts'
import { registerMetric } from './registry.ts'

export interface GatewayGauges {
  readonly activeRequests: number
  readonly heldRequests: number
  readonly bodyBytes: number
  readonly journalPendingBytes: number
  readonly shedShare: number
  readonly snapshotVersion: number
  readonly loopLagMsP99: number
}

export interface GatewayMetrics {
  readonly registry: Registry
  finished(event: JournalClose): void
  refused(code: string, endpoint: Endpoint | null): void
}

/** Bounds of OpenTelemetry's gen_ai metrics, in seconds, with finer ones below for small models. */
const durationBounds = [
  0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48,
  40.96, 81.92,
]
const gapBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5]

/**
 * The gateway's metric table. Series are found by the route and what came of the request, once; the request path
 * only adds numbers, and prom-client prints them when somebody looks.
 */
export function createGatewayMetrics(readGauges: () => GatewayGauges): GatewayMetrics {
  const registry = new Registry()
  const histogram = (name: string, help: string, bounds: readonly number[]) => {
    const folded = createFoldedHistogram(name, help, bounds)
    registerMetric(registry, folded.metric)
    return folded
  }
  const duration = histogram(
    'baleen_gateway_request_duration_seconds',
    'From the last byte of the request to the last byte of the answer (E2E).',
    durationBounds,
  )
  const firstToken = histogram(
    'baleen_gateway_time_to_first_token_seconds',
    'From the last byte of the request to the first content of a stream (TTFT).',
    durationBounds,
  )
  const gap = histogram(
    'baleen_gateway_inter_chunk_latency_seconds',
    'Mean gap between the content chunks of a stream (ICL), one observation a request.',
    gapBounds,
  )
  const hold = histogram(
    'baleen_gateway_hold_seconds',
    'How long a request waited for a ready replica.',
    durationBounds,
  )
  const counters = createCounters(registry)
  addGauges(registry, readGauges)
  collectDefaultMetrics({ register: registry })

  function createSeries(event: JournalClose): Series {
    const { route, endpoint, outcome } = event
    const labels = { route, endpoint }
    const shared = known.get(`${route} ${endpoint}`)
    const series: Series = {
      duration: shared?.duration ?? duration.series(labels),
      firstToken: shared?.firstToken ?? firstToken.series(labels),
      gap: shared?.gap ?? gap.series(labels),
      hold: shared?.hold ?? hold.series(labels),
      tally: shared?.tally ?? createTally(),
      outcomes: counters.outcome({ ...labels, outcome }),
    }
    known.set(`${route} ${endpoint}`, series)
    if (!shared) counters.watch(labels, series.tally)
    return series
  }
  const known = new Map<string, Series>()
  const byOutcome = new Map<string, Map<string, Series>>()

  return {
    registry,
    finished(event) {
      const key = `${event.endpoint} ${event.outcome}`
      let routes = byOutcome.get(key)
      if (!routes) byOutcome.set(key, (routes = new Map()))
      let series = routes.get(event.route)
      if (!series) routes.set(event.route, (series = createSeries(event)))
      series.outcomes.count++
      duration.observe(series.duration, event.e2eMs / 1000)
      if (event.ttftMs !== null) firstToken.observe(series.firstToken, event.ttftMs / 1000)
      if (event.itlMsMean !== null) gap.observe(series.gap, event.itlMsMean / 1000)
      if (event.holdMs > 0) hold.observe(series.hold, event.holdMs / 1000)
      const { tally } = series
      tally.promptTokens += event.promptTokens
      tally.completionTokens += event.completionTokens
      tally.cachedTokens += event.cachedTokens
      tally.retries += Math.max(0, event.attempts - 1)
    },
    refused: (code, endpoint) => counters.refused.inc({ code, endpoint: endpoint ?? 'none' }),
  }
}

interface Tally {
  promptTokens: number
  completionTokens: number
  cachedTokens: number
  retries: number
}

interface Series {
  readonly duration: HistogramSeries
  readonly firstToken: HistogramSeries
  readonly gap: HistogramSeries
  readonly hold: HistogramSeries
  readonly tally: Tally
  readonly outcomes: { count: number }
}

const createTally = (): Tally => ({
  promptTokens: 0,
  completionTokens: 0,
  cachedTokens: 0,
  retries: 0,
})

function createCounters(registry: Registry) {
  const outcomes: { readonly labels: Record<string, string>; count: number }[] = []
  const tallies: { readonly labels: Record<string, string>; readonly tally: Tally }[] = []
  const register = (
    name: string,
    help: string,
    values: () => { labels: Record<string, string>; value: number }[],
  ) =>
    registerMetric(registry, {
      name,
      get: () =>
        Promise.resolve({ name, help, type: 'counter', aggregator: 'sum', values: values() }),
    })
  register('baleen_gateway_requests_total', 'Admitted requests by how they ended.', () =>
    outcomes.map(({ labels, count }) => ({ labels, value: count })),
  )
  register(
    'baleen_gateway_tokens_total',
    'Tokens by kind; cached ones are prompt tokens too.',
    () =>
      tallies.flatMap(({ labels, tally }) => [
        { labels: { ...labels, kind: 'prompt' }, value: tally.promptTokens },
        { labels: { ...labels, kind: 'completion' }, value: tally.completionTokens },
        { labels: { ...labels, kind: 'cached' }, value: tally.cachedTokens },
      ]),
  )
  register('baleen_gateway_retries_total', 'Attempts beyond the first.', () =>
    tallies.map(({ labels, tally }) => ({ labels, value: tally.retries })),
  )
  return {
    outcome(labels: Record<string, string>) {
      const entry = { labels, count: 0 }
      outcomes.push(entry)
      return entry
    },
    watch: (labels: Record<string, string>, tally: Tally) => void tallies.push({ labels, tally }),
    refused: new Counter({
      name: 'baleen_gateway_refused_total',
      help: 'Requests refused before admission, by error code.',
      labelNames: ['code', 'endpoint'],
      registers: [registry],
    }),
  }
}

function addGauges(registry: Registry, read: () => GatewayGauges): void {
  const gauge = (
    name: string,
    help: string,
    value: (gauges: GatewayGauges) => number,
    aggregator: 'sum' | 'max' | 'min' = 'sum',
  ) =>
    new Gauge({
      name: `baleen_gateway_${name}`,
      help,
      registers: [registry],
      aggregator,
      collect() {
        this.set(value(read()))
      },
    })
  gauge('active_requests', 'Requests being worked on.', (now) => now.activeRequests)
  gauge('held_requests', 'Requests waiting for a replica.', (now) => now.heldRequests)
  gauge('body_bytes', 'Memory held for request bodies.', (now) => now.bodyBytes)
  gauge('journal_pending_bytes', 'Usage waiting for the disk.', (now) => now.journalPendingBytes)
  gauge('shed_share', 'Share of requests turned away.', (now) => now.shedShare, 'max')
  gauge('snapshot_version', 'Oldest view in use.', (now) => now.snapshotVersion, 'min')
  gauge(
    'event_loop_lag_p99_seconds',
    'Delay of the event loop.',
    (now) => now.loopLagMsP99 / 1000,
    'max',
  )
}

import type { FleetProgress } from '../../injector/drive/fleet.ts'
import type { InjectionSpec } from '../../contract/injection.ts'
import { quantile, sortSamples } from '../../injector/policy/statistics/quantiles.ts'
import { formatMs, formatRate } from '../../injector/report/figures.ts'
import { formatDurationMs } from '../../core/units.ts'
import type { Io, Output } from '../io.ts'

/** What is seen while a run goes on. */
export interface LiveView {
  show(progress: FleetProgress): void
  /** Removes what stands there, so that the report can be written. */
  end(): void
}

/** Without a terminal a line now and then is enough. */
const plainEveryMs = 10_000
/** Latencies shown are of the last ones that ended. */
const recentMax = 2000

export function createLiveView(
  spec: InjectionSpec,
  io: Io,
  output: Output,
  hasJsonLines: boolean,
): LiveView {
  const isLive = io.stderr.isTTY === true && !output.isQuiet
  const style = output.noteStyle
  const recent = { ttftMs: [] as number[], tpotMs: [] as number[], clientDelayMs: [] as number[] }
  let last: FleetProgress | null = null
  let drawn = 0
  let lastPlainMs = -Infinity

  const erase = () => {
    if (drawn > 0) io.stderr.write(`\x1b[${drawn}A\x1b[0J`)
    drawn = 0
  }
  const keep = (name: keyof typeof recent, added: readonly number[]) => {
    recent[name] = [...recent[name], ...added.filter((value) => !Number.isNaN(value))].slice(
      -recentMax,
    )
  }

  return {
    show(progress) {
      for (const name of ['ttftMs', 'tpotMs', 'clientDelayMs'] as const) keep(name, progress[name])
      const spanS = (progress.atMs - (last?.atMs ?? 0)) / 1000
      const rate = (value: (of: FleetProgress) => number) =>
        spanS > 0 ? (value(progress) - (last ? value(last) : 0)) / spanS : 0
      const now = {
        atMs: Math.round(progress.atMs),
        sentPerSecond: rate(({ handed }) => handed),
        answeredPerSecond: rate(({ ok }) => ok),
        outputTokensPerSecond: rate(({ outputTokens }) => outputTokens),
        handed: progress.handed,
        ok: progress.ok,
        failed: progress.failed,
        inFlight: progress.inFlight,
        ttftMs: percentilesOf(recent.ttftMs),
        tpotMs: percentilesOf(recent.tpotMs),
        clientDelayMsP99: percentilesOf(recent.clientDelayMs).p99,
      }
      last = { ...progress, ttftMs: [], tpotMs: [], clientDelayMs: [] }
      if (hasJsonLines) output.line(JSON.stringify({ kind: 'injection-progress', ...now }))
      if (output.isQuiet) return
      const offered =
        spec.load.kind === 'open'
          ? `${formatRate(spec.load.ratePerS)}/s asked for`
          : `${spec.load.users} users`
      const lines = [
        `${style('bold', formatDurationMs(Math.max(0, progress.atMs)))} of ${formatDurationMs(spec.durationMs)}  ${style('dim', offered)}`,
        `  sent ${formatRate(now.sentPerSecond)}/s  answered ${formatRate(now.answeredPerSecond)}/s  in flight ${now.inFlight}  tokens ${formatRate(now.outputTokensPerSecond)}/s`,
        `  TTFT p50 ${formatMs(now.ttftMs.p50)}  p99 ${formatMs(now.ttftMs.p99)} ms  TPOT p50 ${formatMs(now.tpotMs.p50)}  p99 ${formatMs(now.tpotMs.p99)} ms`,
        `  ${now.ok} ok  ${now.failed > 0 ? style('red', `${now.failed} failed`) : '0 failed'}  ${(now.clientDelayMsP99 ?? 0) > 5 ? style('yellow', `client late by ${formatMs(now.clientDelayMsP99)} ms`) : `client delay p99 ${formatMs(now.clientDelayMsP99)} ms`}`,
      ]
      if (isLive) {
        erase()
        io.stderr.write(`${lines.join('\n')}\n`)
        drawn = lines.length
      } else if (progress.atMs - lastPlainMs >= plainEveryMs) {
        lastPlainMs = progress.atMs
        output.note(lines.map((line) => line.trim()).join('  ·  '))
      }
    },
    end: erase,
  }
}

function percentilesOf(values: readonly number[]): { p50: number | null; p99: number | null } {
  const sorted = sortSamples(values)
  const at = (p: number) => (sorted.length === 0 ? null : quantile(sorted, p))
  return { p50: at(0.5), p99: at(0.99) }
}

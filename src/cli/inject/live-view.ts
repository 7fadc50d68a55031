import type { FleetProgress } from '../../injector/drive/progress-board.ts'
import type { InjectionSpec } from '../../contract/injection-spec.ts'
import {
  createLatencyHistogram,
  type LatencyHistogram,
} from '../../injector/drive/latency-histogram.ts'
import { formatMs, formatRate, formatShare } from '../../injector/report/figures.ts'
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
/** Latencies and rates shown are those of this time. */
const recentMs = 10_000
/** Above it the figures begin to be those of the client. */
const lateMs = 5
const barWidth = 24

export function createLiveView(
  spec: InjectionSpec,
  io: Io,
  output: Output,
  hasJsonLines: boolean,
): LiveView {
  const isLive = io.stderr.isTTY === true && !output.isQuiet
  const style = output.noteStyle
  let recent: FleetProgress[] = []
  let drawn = 0
  let lastPlainMs = 0

  const erase = () => {
    if (drawn > 0) io.stderr.write(`\x1b[${drawn}A\x1b[0J`)
    drawn = 0
  }

  return {
    show(progress) {
      recent = [...recent.filter(({ atMs }) => atMs > progress.atMs - recentMs), progress]
      const now = readingOf(spec, recent)
      if (hasJsonLines) output.line(JSON.stringify({ kind: 'injection-progress', ...now }))
      if (output.isQuiet) return
      const lines = linesOf(spec, now)
      if (isLive) {
        erase()
        // A line that wraps could not be erased again.
        const width = io.stderr.columns ?? 80
        io.stderr.write(`${lines.map((line) => clip(line, width)).join('\n')}\n`)
        drawn = lines.length
      } else if (progress.atMs - lastPlainMs >= plainEveryMs) {
        lastPlainMs = progress.atMs
        output.note(lines.map((line) => line.trim().replace(/^.*[━─]\S*\s+/, '')).join('  ·  '))
      }
    },
    end: erase,
  }

  function linesOf(of: InjectionSpec, now: Reading): string[] {
    const dim = (text: string) => style('dim', text)
    const share = Math.min(1, Math.max(0, now.atMs / of.durationMs))
    const filled = Math.round(share * barWidth)
    const bar = '━'.repeat(filled) + dim('─'.repeat(barWidth - filled))
    const phase =
      now.atMs >= 0 && now.atMs < of.warmupMs
        ? style('yellow', '  warming up')
        : now.atMs > of.durationMs
          ? dim('  waiting for the last answers')
          : ''
    const asked =
      now.offeredPerSecond === null
        ? `${(of.load as { users: number }).users} users`
        : `${formatRate(now.offeredPerSecond)}/s intended`
    const failed = now.failed > 0 ? style('red', `${now.failed} failed`) : dim('0 failed')
    const trust =
      now.problems.length > 0
        ? style('yellow', `! ${now.problems.join('; ')}`)
        : style('green', '✓ the client keeps up')
    const figures = (name: string, { p50, p90, p99 }: Reading['ttftMs']) =>
      `${dim(name)} p50 ${formatMs(p50)}  p90 ${formatMs(p90)}  p99 ${formatMs(p99)} ms`
    return [
      `${bar} ${style('bold', formatDurationMs(Math.min(of.durationMs, Math.max(0, Math.round(now.atMs / 1000) * 1000))))} of ${formatDurationMs(of.durationMs)}${phase}`,
      `  ${dim('sent')} ${formatRate(now.sentPerSecond)}/s of ${asked}   ${dim('answered')} ${formatRate(now.answeredPerSecond)}/s   ${dim('in flight')} ${now.inFlight}   ${dim('tokens')} ${formatRate(now.outputTokensPerSecond)}/s`,
      `  ${figures('TTFT', now.ttftMs)}   ${figures('TPOT', now.tpotMs)}`,
      `  ${now.ok} ok  ${failed}   ${trust}  ${dim(`delay p99 ${formatMs(now.clientDelayMsP99)} ms`)}`,
    ]
  }
}

/** One line of JSON. */
type Reading = ReturnType<typeof readingOf>

function readingOf(spec: InjectionSpec, recent: readonly FleetProgress[]) {
  const last = recent.at(-1)!
  const first = recent.length > 1 ? recent[0]! : null
  const spanS = (last.atMs - (first?.atMs ?? 0)) / 1000
  const rate = (value: (of: FleetProgress) => number) =>
    spanS > 0 ? (value(last) - (first ? value(first) : 0)) / spanS : 0
  const clientDelayMsP99 = pooled(recent, 'clientDelayMs').percentile(0.99)
  const sentPerSecond = rate(({ handed }) => handed)
  const ended = last.ok + last.failed
  const problems: string[] = []
  if ((clientDelayMsP99 ?? 0) > lateMs)
    problems.push(`client late by ${formatMs(clientDelayMsP99)} ms`)
  if (last.failed > 0 && last.failed / ended > 0.01)
    problems.push(`${formatShare(last.failed / ended)} failed`)
  return {
    atMs: Math.round(last.atMs),
    /** Null in a closed loop. */
    offeredPerSecond: spec.load.kind === 'open' ? spec.load.ratePerS : null,
    sentPerSecond,
    answeredPerSecond: rate(({ ok }) => ok),
    outputTokensPerSecond: rate(({ outputTokens }) => outputTokens),
    handed: last.handed,
    ok: last.ok,
    failed: last.failed,
    inFlight: last.inFlight,
    ttftMs: percentilesOf(pooled(recent, 'ttftMs')),
    tpotMs: percentilesOf(pooled(recent, 'tpotMs')),
    clientDelayMsP99,
    problems,
  }
}

function pooled(
  recent: readonly FleetProgress[],
  key: 'ttftMs' | 'tpotMs' | 'clientDelayMs',
): LatencyHistogram {
  const histogram = createLatencyHistogram()
  for (const progress of recent) histogram.merge(progress[key])
  return histogram
}

const percentilesOf = (histogram: LatencyHistogram) => ({
  p50: histogram.percentile(0.5),
  p90: histogram.percentile(0.9),
  p99: histogram.percentile(0.99),
})

/** Cuts to what can be seen; sequences that only change colour take no place. */
function clip(line: string, width: number): string {
  let seen = 0
  let at = 0
  while (at < line.length) {
    // oxlint-disable-next-line no-control-regex
    const colour = /^\x1b\[[\d;]*m/.exec(line.slice(at))
    if (colour) at += colour[0].length
    else if (seen === width) return `${line.slice(0, at)}\x1b[0m`
    else {
      seen++
      at++
    }
  }
  return line
}

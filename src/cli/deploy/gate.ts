import { injectionReport, type InjectionReport } from '../../contract/injection.ts'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import { formatDurationMs, parseDurationMs } from '../../core/units.ts'

/** What a rehearsal under load has shown against what the spec promises. Empty: all is kept. */
export function gateFaults(spec: DeploymentSpec, report: InjectionReport): readonly string[] {
  const { summary } = report
  const ok = summary.outcomes.ok ?? 0
  const failed = summary.requests === 0 ? 1 : 1 - ok / summary.requests
  const allowed = Math.max(spec.rollout.gate.errors, 1 - (spec.slo?.availability ?? 1))
  const faults =
    failed > allowed
      ? [`${summary.requests - ok} of ${summary.requests} requests failed, ${percent(allowed)} may`]
      : []
  for (const [name, limit] of Object.entries(spec.slo ?? {})) {
    if (typeof limit !== 'string') continue
    const [figure, statistic] = name.split('.') as ['ttft' | 'tpot' | 'e2e', string]
    const metric = summary[`${figure}Ms`] as unknown as Readonly<Record<string, number | null>>
    const seenMs = metric[statistic]
    if (seenMs === null || seenMs === undefined) faults.push(`${name} was not measured`)
    else if (seenMs > parseDurationMs(limit))
      faults.push(`${name} is ${formatDurationMs(seenMs)}, promised ${limit}`)
  }
  return faults
}

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`

/** The report that `baleen inject --json` wrote. Null: it wrote none. */
export function reportIn(stdout: string): InjectionReport | null {
  const line = stdout.trim().split('\n').at(-1) ?? ''
  try {
    return injectionReport.parse(JSON.parse(line))
  } catch {
    return null
  }
}

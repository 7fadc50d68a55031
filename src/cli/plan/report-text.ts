import { lossText } from '../../planner/explain/knobs.ts'
import type { Estimate, TailEstimate } from '../../planner/explain/figures.ts'
import type { ApartReport } from '../../planner/explain/apart.ts'
import { drawMemory } from '../../planner/explain/memory-drawing.ts'
import type { ConfigurationReport, PlanReport } from '../../planner/explain/report.ts'
import { layoutName } from '../../planner/explain/sensitivity.ts'
import type { Candidate } from '../../planner/search/candidate.ts'
import type { Plan } from '../../planner/search/plan.ts'
import type { Style } from '../io.ts'
import { formatTable } from '../table.ts'

/** The plan for a person; `source`: what the model was called. */
export function planText(
  plan: Plan,
  report: PlanReport,
  source: string,
  isExplained: boolean,
  style: Style,
): string {
  const { configurations, workload } = report
  const [best] = configurations
  const isReader = plan.request.model.kind === 'encoder'
  const isPlayed = configurations.some(({ rehearsed }) => rehearsed !== null)
  const lines = [
    `${style('bold', report.model)}  ${workload.name}: ${workload.inputTokens} tokens in, ${isReader ? 'none' : workload.outputTokens} out${limits(report)}`,
    style('dim', workload.source),
    ...report.burdens.map((note) => style('dim', note)),
    ...report.reasons.map((reason) => style('yellow', reason)),
    '',
    formatTable(
      headers,
      configurations.map((one, at) => [
        place(one, at, isPlayed),
        ...row(one, workload.outputTokens),
      ]),
      style,
    ),
    '',
    style(
      'dim',
      `80 % of measured runs lie within ± of a mean, or in the range behind it; TTFT, TPOT and E2E are mean / p95.${isReader ? ' Tokens are those that it reads.' : ''}`,
    ),
    ...(isPlayed && configurations.some(isOnPaper)
      ? [style('dim', '~ not played in the simulator: formulas alone promise a little more')]
      : []),
  ]
  if (best) {
    lines.push(
      ...played(best),
      ...littleMeasured(best, source, isReader).map((line) => style('yellow', line)),
      `binds: ${best.binds.resource}: ${best.binds.because}`,
      startText(best),
      energyText(best),
      ...(best.isCalibrated
        ? ['predicted with your own calibration of this engine, model and device']
        : []),
      ...[...new Set(report.prices.map(({ electricity }) => electricity))].map((source) =>
        style('dim', `energy and CO₂ by: ${source}`),
      ),
      ...report.prices.map((price) => style('dim', priceText(price))),
    )
  }
  lines.push(
    ...byDeviceText(report, style),
    ...alternatives(report),
    ...apartText(report.disaggregated, isExplained),
  )
  if (isExplained && best) lines.push(...explanation(plan, report, best, style))
  return lines.join('\n')
}

function energyText({ predicted }: ConfigurationReport): string {
  const { joulesPerToken, kwhPerMillionTokens, gramsCo2PerMillionTokens } = predicted
  if (!joulesPerToken) return 'energy: unknown: nobody states the power of these devices'
  return `energy: ${amount(joulesPerToken)} J a token, ${short(kwhPerMillionTokens?.value ?? 0)} kWh and ${short(gramsCo2PerMillionTokens?.value ?? 0)} g CO₂ a million tokens`
}

function priceText({
  device,
  usdPerHour,
  source,
  breakEvens,
}: PlanReport['prices'][number]): string {
  const rent = usdPerHour === null ? '' : `$${short(usdPerHour)} an hour; `
  const buying = Object.entries(breakEvens).map(([tenancy, hours]) =>
    hours === null || hours === undefined
      ? `buying never beats ${tenancy}`
      : `buying beats ${tenancy} after ${Math.round(hours)} hours (${short(hours / 730)} months without a pause)`,
  )
  return [`${device}: ${rent}${source}`, ...buying].join('; ')
}

const headers = [
  '',
  'configuration',
  'GPUs',
  'seqs',
  'batch',
  'TTFT ms',
  'TPOT ms',
  'E2E s',
  'req/s',
  'tok/s',
  'good',
  '$/M tok',
  'quality',
]

/** Its figures are of another kind than those of what was played. */
const isOnPaper = ({ meetsSlo, rehearsed }: ConfigurationReport): boolean =>
  meetsSlo && rehearsed === null

function place(report: ConfigurationReport, at: number, isPlayed: boolean): string {
  if (!report.meetsSlo) return '✗'
  return `${at + 1}${isPlayed && isOnPaper(report) ? '~' : ''}`
}

function row(
  { settings, predicted, quality }: ConfigurationReport,
  outputTokens: number,
): string[] {
  const loss =
    quality.loss === 'unknown'
      ? 'unknown'
      : quality.loss === 0
        ? '100 %'
        : `≥ ${(Math.floor((1 - quality.loss) * 1000) / 10).toFixed(quality.loss < 0.01 ? 1 : 0)} %`
  return [
    layoutName(settings),
    `${settings.devices} ${settings.device}`,
    String(settings.maxSequences),
    String(settings.batchedTokens),
    tail(predicted.ttftMs, 1),
    // One token has none after it.
    outputTokens > 1 ? tail(predicted.tpotMs, 1) : '–',
    tail(predicted.e2eMs, 1e3),
    String(Number(predicted.requestsPerSecond.toPrecision(3))),
    amount(predicted.outputTokensPerSecond),
    `${Math.round(predicted.attainment * 100)} %`,
    predicted.usdPerMillionTokens === null ? 'unknown' : amount(predicted.usdPerMillionTokens),
    loss,
  ]
}

const short = (value: number): string => String(Number(value.toPrecision(3)))

const tail = ({ mean, p95 }: TailEstimate, unit: number): string =>
  `${short(mean.value / unit)} / ${short(p95.value / unit)} ${spread(mean, unit)}`

const amount = (estimate: Estimate): string => `${short(estimate.value)} ${spread(estimate)}`

/** "±30%"; from and to where it may be twice as much, or more on one side than on the other. */
function spread({ value, low, high }: Estimate, unit = 1): string {
  if (!(value > 0)) return ''
  const percent = Math.round((high / value - 1) * 100)
  const isEven = Math.abs((high * low) / (value * value) - 1) < 0.05
  return isEven && percent < widest
    ? `±${percent}%`
    : `(${brief(low / unit)}–${brief(high / unit)})`
}

/** From here on, percent, nobody reads ± any more, and a figure is little more than a guess. */
const widest = 100

const brief = (value: number): string => String(Number(value.toPrecision(2)))

const isGuess = ({ value, high }: Estimate): boolean => high / value - 1 >= widest / 100

/** What to do about figures that are little more than guesses. */
function littleMeasured(best: ConfigurationReport, source: string, isReader: boolean): string[] {
  const { ttftMs, tpotMs, e2eMs } = best.predicted
  const guesses = [
    ...(isGuess(ttftMs.mean) ? [`TTFT ${range(ttftMs.mean, 1)} ms`] : []),
    ...(!isReader && isGuess(tpotMs.mean) ? [`TPOT ${range(tpotMs.mean, 1)} ms`] : []),
    ...(isGuess(e2eMs.mean) ? [`E2E ${range(e2eMs.mean, 1e3)} s`] : []),
  ]
  if (guesses.length === 0) return []
  const { engine, device, devices, replicas } = best.settings
  const [type = ''] = device.split('@')
  const gpu = type.startsWith('local ') ? 'local' : quoted(`${type}:${devices / replicas}`)
  return [
    `little measured: ${evidenceTexts[best.evidence]}: ${guesses.join(', ')}. Narrow it with runs of your own: baleen inject URL --rate 4 --duration 2m (and at other rates), then baleen calibrate last --engine ${engine} --model ${quoted(source)} --gpu ${gpu}`,
  ]
}

const quoted = (word: string): string => (word.includes(' ') ? `"${word}"` : word)

const range = ({ low, high }: Estimate, unit: number): string =>
  `${brief(low / unit)} to ${brief(high / unit)}`

const evidenceTexts: Readonly<Record<ConfigurationReport['evidence'], string>> = {
  calibrated: 'your runs say little of this load',
  known: 'published runs of this model on this device under such a load differ much',
  partly: 'model and device were measured with this engine, but not together',
  unknown: 'nobody has published runs of this model or device with this engine',
}

function startText({ coldStart: start }: ConfigurationReport): string {
  const parts = [
    `boot ${seconds(start.boot)}`,
    `load ${seconds(start.load)}`,
    ...(start.compile > 0 ? [`compile ${seconds(start.compile)}`] : []),
    `warm up ${seconds(start.warmUp)}`,
  ]
  return `start: ${seconds(start.warm)} with files and caches here (${parts.join(', ')}); ${seconds(start.cold)} with neither, over 10 Gbit/s`
}

const seconds = (value: number): string =>
  value < 100 ? `${short(Number(value.toFixed(1)))} s` : `${short(value / 60)} min`

function played({ rehearsed, settings }: ConfigurationReport): string[] {
  if (!rehearsed) return []
  const { rateRps, requests, replicas, seconds, ttft, tpot, e2e } = rehearsed
  const part =
    replicas < settings.replicas ? ` to ${replicas} of ${settings.replicas} replicas` : ''
  const come = `${rateRps === null ? 'at once' : `at ${short(rateRps)} a second`}${part}`
  const figures = [
    `TTFT ${short(ttft.mean)} / ${short(ttft.p95)} ms`,
    `TPOT ${short(tpot.mean)} / ${short(tpot.p95)} ms`,
    `E2E ${short(e2e.mean / 1e3)} / ${short(e2e.p95 / 1e3)} s`,
  ]
  return [`played: ${requests} requests ${come} took ${short(seconds)} s; ${figures.join(', ')}`]
}

function limits({ slo, rateRps, objective }: PlanReport): string {
  const told = Object.entries(slo).map(([name, limitMs]) => `${name} ≤ ${limitMs} ms`)
  if (rateRps !== null) told.push(`${short(rateRps)} requests/s`)
  return ` · ${[...told, `for ${objective}`].join(' · ')}`
}

/** Worth a line where it gains, or where somebody looks closely. */
export function apartText(apart: ApartReport | null, isExplained: boolean): string[] {
  if (!apart || (!isExplained && !((apart.gain ?? 0) > 0 && apart.meetsSlo))) return []
  const { gain, prefill, decode, ttftMs, tpotMs, rehearsed } = apart
  const percent = Math.round(Math.abs(gain ?? 0) * 100)
  const { engine, weights } = decode.settings
  const told = [
    `apart: ${engine} ${weights}, ${apart.sides} (${apart.devices} devices; ${Math.round(prefill.busy * 100)} % and ${Math.round(decode.busy * 100)} % busy; a cache is handed over in ${short(apart.transferMs)} ms)`,
    `${short(apart.requestsPerSecond)} req/s, TTFT ${tail(ttftMs, 1)} ms, TPOT ${tail(tpotMs, 1)} ms${apart.meetsSlo ? '' : ', misses a limit'}: ${percent} % ${(gain ?? 0) >= 0 ? 'better' : 'worse'} than 1`,
  ]
  if (rehearsed)
    told.push(
      `played: TTFT ${short(rehearsed.ttft.mean)} / ${short(rehearsed.ttft.p95)} ms, TPOT ${short(rehearsed.tpot.mean)} / ${short(rehearsed.tpot.p95)} ms`,
    )
  return [told.join('; ')]
}

/** Devices side by side: who compares prices wants one line for each. */
function byDeviceText({ byDevice, configurations }: PlanReport, style: Style): string[] {
  if (byDevice.length < 2) return []
  const isPlayed = configurations.some(({ rehearsed }) => rehearsed !== null)
  const rows = byDevice.map((one) => {
    const { settings, predicted } = one
    return [
      one.meetsSlo ? (isPlayed && isOnPaper(one) ? '~' : '') : '✗',
      settings.device,
      String(settings.devices),
      layoutName(settings),
      `${short(predicted.ttftMs.p95.value)} / ${short(predicted.tpotMs.p95.value)}`,
      short(predicted.requestsPerSecond),
      predicted.usdPerHour === null ? 'unknown' : short(predicted.usdPerHour),
      predicted.usdPerMillionTokens === null ? 'unknown' : amount(predicted.usdPerMillionTokens),
    ]
  })
  return [
    '',
    style('bold', 'Each type of devices at its best'),
    formatTable(deviceHeaders, rows, style),
    '',
  ]
}

const deviceHeaders = [
  '',
  'devices',
  'used',
  'configuration',
  'TTFT / TPOT p95 ms',
  'req/s',
  '$/h',
  '$/M tok',
]

function alternatives({ unmeasuredQuality, split }: PlanReport): string[] {
  const lines: string[] = []
  if (split.length > 1)
    lines.push(
      'together: ' +
        split
          .map(
            ({ settings, replicas, requestsPerSecond, weight }) =>
              `${layoutName({ ...settings, replicas })} on ${settings.device} (weight ${weight}, ${requestsPerSecond} req/s)`,
          )
          .join('; '),
    )
  if (unmeasuredQuality)
    lines.push(
      `with --min-quality 0: ${layoutName(unmeasuredQuality.settings)}, ${costText(unmeasuredQuality)} $/M, ${Number(unmeasuredQuality.predicted.mostRps.value.toPrecision(3))} req/s; ${lossText(null)}: ${unmeasuredQuality.quality.source}`,
    )
  return lines
}

function settingText({ speculative, ...settings }: Candidate['settings'], knob: string): string {
  if (knob === 'speculative')
    return speculative === 'off' ? 'off' : `${speculative.method}${speculative.tokens}`
  const found = Object.entries(settings).find(([name]) => name === knob)
  return found ? String(found[1]) : ''
}

const costText = ({ predicted: { usdPerMillionTokens } }: ConfigurationReport): string =>
  usdPerMillionTokens === null ? '?' : short(usdPerMillionTokens.value)

/** Whoever was played carries a little less than this foresees: the two are not to be compared. */
const unplayed = (style: Style): string =>
  style('dim', '  by the formulas alone: only what stands in the table above was played')

function explanation(
  plan: Plan,
  report: PlanReport,
  best: ConfigurationReport,
  style: Style,
): string[] {
  const [candidate] = plan.candidates
  const lines = [
    '',
    style('bold', 'Memory of one device'),
    ...(candidate ? drawMemory(candidate) : []),
  ]
  lines.push('', style('bold', 'Why'))
  for (const [knob, why] of Object.entries(best.why))
    lines.push(`  ${knob.padEnd(17)} ${settingText(best.settings, knob).padEnd(8)} ${why}`)
  lines.push('', style('bold', 'What binds'))
  for (const [part, share] of Object.entries(best.binds.shares))
    lines.push(
      `  ${part.padEnd(17)} ${'■'.repeat(Math.round(share * 40))} ${Math.round(share * 100)} %`,
    )
  if (report.sensitivity.length > 0)
    lines.push('', style('bold', 'If a limit moves'), unplayed(style))
  for (const {
    target,
    limitMs,
    settings: then,
    isOther,
    usdPerMillionTokens,
    mostRps,
  } of report.sensitivity)
    lines.push(
      `  ${`${target} ≤ ${limitMs} ms`.padEnd(24)} ${then === null ? 'nothing keeps it' : `${isOther ? layoutName(then) : 'the same'}, ${short(mostRps)} req/s at most, ${usdPerMillionTokens === null ? '?' : short(usdPerMillionTokens)} $/M`}`,
    )
  if (report.pareto.length > 1)
    lines.push('', style('bold', 'No other is cheaper, faster and truer at once'), unplayed(style))
  for (const { settings: one, predicted } of report.pareto)
    lines.push(
      `  ${layoutName(one).padEnd(34)} ${predicted.usdPerMillionTokens === null ? '?' : short(predicted.usdPerMillionTokens.value)} $/M, E2E p95 ${short(predicted.e2eMs.p95.value / 1e3)} s`,
    )
  return lines
}

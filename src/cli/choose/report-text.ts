import { qualityExponent } from '../../planner/choose/ranking.ts'
import { licenceNote } from '../../planner/choose/licence.ts'
import { figuresOf } from '../../planner/explain/figures.ts'
import { layoutName } from '../../planner/explain/sensitivity.ts'
import type { Style } from '../io.ts'
import { formatTable } from '../table.ts'
import type { Asking } from './choose-models.ts'

export type ChosenReport = ReturnType<typeof chosenReport>

/** A ranking as JSON. */
export function chosenReport({ choices, ranking, ...asking }: Asking, top: number) {
  return {
    ...asking,
    rankedBy:
      ranking !== 'value'
        ? ranking
        : asking.isScored
          ? `quality^${qualityExponent} / (cost × E2E p95)`
          : '1 / (cost × E2E p95)',
    choices: choices.slice(0, top).map((choice) => {
      const { model, candidate, standing, licence, parametersB } = choice
      return {
        model: model.name,
        repo: model.repo,
        parametersB: Number(parametersB.toPrecision(3)),
        licence: licence?.name ?? 'unknown',
        licenceSource: licence?.source ?? null,
        quality: standing.quality ?? ('unknown' as const),
        qualityError: standing.error,
        scoredBy: standing.by ?? ('nobody' as const),
        thinks: standing.thinks,
        scores: standing.scores,
        unknownLanguages: standing.unknownLanguages,
        isUnbeaten: choice.isUnbeaten,
        usdPerThousandRequests: choice.usdPerThousandRequests,
        settings: candidate.settings,
        predicted: figuresOf(candidate, asking.rateRps),
      }
    }),
    fits: choices.length,
    licenceSource: licenceNote,
  }
}

type Row = ChosenReport['choices'][number]

export function chosenText(report: ChosenReport, style: Style): string {
  const { choices, task, languages, isScored, passedOver, fits } = report
  const lines = [
    `${style('bold', task)}${languages.length > 0 ? ` in ${languages.join(', ')}` : ''} on ${report.devices.join(', ')}: ${fits} of ${fits + passedOver.length} models fit`,
    style('dim', trafficText(report)),
  ]
  if (!isScored)
    lines.push(
      style(
        'yellow',
        `Nobody known has measured any of these for ${task}${languages.length > 0 ? ` in ${languages.join(', ')}` : ''}: this ranks cost and latency alone and says nothing of how well a model answers. --template scores.csv writes a file with these models to fill in, --scores scores.csv ranks by it.`,
      ),
    )
  lines.push('', table(choices, style), '')
  if (isScored) lines.push(...evidence(report, style), '')
  lines.push(
    ...warnings(report).map((line) => style('yellow', line)),
    ...report.notes.map((note) => style('yellow', note)),
    style('dim', report.licenceSource),
  )
  return lines.join('\n')
}

function trafficText({ workload, slo, rateRps }: ChosenReport): string {
  const limits = Object.entries(slo).map(([name, ms]) => `${name} ≤ ${ms} ms`)
  const load =
    rateRps === null
      ? 'as many requests as the devices take'
      : `${Number(rateRps.toPrecision(3))} requests/s`
  return `${workload} traffic, ${[...limits, load].join(', ')}; figures by the formulas alone, \`plan\` plays them`
}

const table = (choices: readonly Row[], style: Style): string =>
  formatTable(
    [
      '',
      'model',
      'B',
      'quality',
      'scores',
      'configuration',
      'TTFT p95',
      'E2E p95',
      '$/1k req',
      'req/s',
      'licence',
    ],
    choices.map((row, at) => [
      `${at + 1}${row.isUnbeaten ? '*' : ''}`,
      `${row.model}${row.thinks ? ', thinking' : ''}`,
      String(row.parametersB),
      qualityText(row),
      row.scoredBy === 'own' ? `own ${row.scores.length}` : String(row.scores.length || '–'),
      layoutName(row.settings),
      `${Math.round(row.predicted.ttftMs.p95.value)} ms`,
      `${Number((row.predicted.e2eMs.p95.value / 1e3).toPrecision(3))} s`,
      row.usdPerThousandRequests === null
        ? 'unknown'
        : String(Number(row.usdPerThousandRequests.toPrecision(3))),
      String(Number(row.predicted.requestsPerSecond.toPrecision(3))),
      row.licence,
    ]),
    style,
  )

const qualityText = ({ quality, qualityError }: Row): string =>
  quality === 'unknown'
    ? 'unknown'
    : `${Math.round(quality * 100)}${qualityError === null ? '' : ` ± ${Math.max(1, Math.round(qualityError * 100))}`} %`

/** Every score behind the table, by benchmark, and where each comes from. */
function evidence({ choices, rankedBy }: ChosenReport, style: Style): string[] {
  const scored = choices.filter(({ scores }) => scores.length > 0)
  const all = scored.flatMap(({ scores }) => scores)
  const columns = [...new Map(all.map((score) => [keyOf(score), score])).values()]
  const sources = [...new Map(all.map((score) => [score.source, score.setting])).entries()]
  const isBy = (by: Row['scoredBy']) => choices.some(({ scoredBy }) => scoredBy === by)
  return [
    `ranked by ${rankedBy}; * no other of these is better in quality, cost and latency at once`,
    ...(isBy('own')
      ? ['quality by your own scores: share of the best one there, mean over the benchmarks']
      : []),
    ...(isBy('published')
      ? [
          'quality by published scores: what a model would score over what the best one known would, ± one standard error; only what was measured alike is compared, a score that nobody published is left out',
        ]
      : []),
    '',
    formatTable(
      ['', ...columns.map((_, at) => letter(at))],
      scored.map(({ model, scores }) => [
        model,
        ...columns.map((column) => {
          const found = scores.find((score) => keyOf(score) === keyOf(column))
          return found ? String(Number(found.score.toFixed(1))) : '–'
        }),
      ]),
      style,
    ),
    '',
    ...columns.map(
      ({ benchmark, language, source }, at) =>
        `${letter(at)}  ${benchmark}${language === null ? '' : ` (${language})`} [${sources.findIndex(([name]) => name === source) + 1}]`,
    ),
    ...sources.map(
      ([source, setting], at) =>
        `[${at + 1}] ${source}${setting === undefined ? '' : `: ${setting}`}${otherNames(scored, source)}`,
    ),
  ].map((line) => style('dim', line))
}

const keyOf = ({ benchmark, language, source }: Row['scores'][number]): string =>
  `${source}\n${benchmark}\n${language}`

const letter = (at: number): string =>
  at < 26 ? String.fromCharCode(97 + at) : `${letter(Math.floor(at / 26) - 1)}${letter(at % 26)}`

/** What a source measured in place of a model. */
function otherNames(rows: readonly Row[], source: string): string {
  const names = rows.flatMap(({ model, scores }) => {
    const found = scores.find((score) => score.source === source && score.as !== undefined)
    return found ? [`${model} as ${found.as}`] : []
  })
  return names.length === 0 ? '' : `; ${names.join(', ')}`
}

function warnings({ choices, languages, thinkingTokens }: ChosenReport): string[] {
  const names = (rows: readonly Row[]) =>
    rows.length === choices.length ? 'any of them' : rows.map(({ model }) => model).join(', ')
  const mute = languages.flatMap((code) => {
    const rows = choices.filter(({ unknownLanguages }) => unknownLanguages.includes(code))
    return rows.length > 0 ? [`no score says how well these answer in ${code}: ${names(rows)}`] : []
  })
  const pondering = thinkingTokens === null ? choices.filter(({ thinks }) => thinks) : []
  return [
    ...mute,
    ...(pondering.length > 0
      ? [
          `measured only with thinking, so ranked behind: ${names(pondering)}. Cost and latency are those of the answer alone; --thinking TOKENS counts the thoughts`,
        ]
      : []),
  ]
}

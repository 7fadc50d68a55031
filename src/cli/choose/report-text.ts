import { qualityExponent } from '../../planner/choose/choose.ts'
import { licenceSource } from '../../planner/choose/licence.ts'
import { figuresOf } from '../../planner/explain/figures.ts'
import { layoutName } from '../../planner/explain/sensitivity.ts'
import type { Style } from '../io.ts'
import { formatTable } from '../table.ts'
import type { Asking } from './choose-models.ts'

export type ChosenReport = ReturnType<typeof chosenReport>

/** A ranking as JSON. */
export function chosenReport(asking: Asking, top: number) {
  const { task, languages, workload, choices, passedOver, isScored, notes } = asking
  return {
    task,
    languages,
    workload,
    isScored,
    rankedBy: isScored ? `quality^${qualityExponent} / (cost × E2E p95)` : '1 / (cost × E2E p95)',
    choices: choices.slice(0, top).map(({ model, candidate, standing, licence, parametersB }) => ({
      model: model.name,
      repo: model.repo,
      parametersB: Number(parametersB.toPrecision(3)),
      licence: licence ?? 'unknown',
      quality: standing.quality ?? ('unknown' as const),
      scores: standing.scores,
      unknownLanguages: standing.unknownLanguages,
      settings: candidate.settings,
      predicted: figuresOf(candidate),
    })),
    fits: choices.length,
    passedOver,
    licenceSource,
    notes,
  }
}

export function chosenText(report: ChosenReport, style: Style): string {
  const { choices, task, languages, isScored, passedOver, fits } = report
  const lines = [
    `${style('bold', task)}${languages.length > 0 ? ` in ${languages.join(', ')}` : ''}, as ${report.workload} traffic: ${fits} of ${fits + passedOver.length} models keep the limits`,
  ]
  if (!isScored)
    lines.push(
      style(
        'yellow',
        `No evaluation score for ${task} is known: this ranks cost and latency alone and says nothing of how well a model answers. None are shipped, because none could be checked. --template scores.csv writes a file with these models to fill in, --scores scores.csv ranks by it; --min-size, --models and --commercial narrow the list.`,
      ),
    )
  lines.push(
    '',
    formatTable(
      [
        '',
        'model',
        'B',
        'quality',
        'configuration',
        'TTFT p95',
        'E2E p95',
        '$/M tok',
        'req/s',
        'licence',
      ],
      choices.map(({ model, parametersB, quality, settings, predicted, licence }, at) => [
        String(at + 1),
        model,
        String(parametersB),
        quality === 'unknown' ? 'unknown' : `${Math.round(quality * 100)} %`,
        layoutName(settings),
        `${Math.round(predicted.ttftMs.p95.value)} ms`,
        `${Number((predicted.e2eMs.p95.value / 1e3).toPrecision(3))} s`,
        String(predicted.usdPerMillionTokens?.value ?? 'unknown'),
        String(Number(predicted.requestsPerSecond.toPrecision(3))),
        licence,
      ]),
      style,
    ),
    '',
  )
  const used = choices.flatMap(({ scores }) => scores)
  if (isScored)
    lines.push(
      style(
        'dim',
        `quality: share of the best score there, mean over ${[...new Set(used.map(({ benchmark }) => benchmark))].join(', ')}`,
      ),
      ...[...new Set(used.map(({ source }) => source))].map((source) =>
        style('dim', `  ${source}`),
      ),
    )
  const mute = choices.filter(({ unknownLanguages }) => unknownLanguages.length > 0)
  if (mute.length > 0)
    lines.push(
      style(
        'yellow',
        `no score says how well these answer in ${languages.join(', ')}: ${mute.length === choices.length ? 'any of them' : mute.map(({ model }) => model).join(', ')}`,
      ),
    )
  lines.push(
    ...report.notes.map((note) => style('yellow', note)),
    style('dim', report.licenceSource),
  )
  return lines.join('\n')
}

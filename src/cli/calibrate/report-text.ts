import type { CalibrationFile } from '../../contract/calibration.ts'
import { factorText } from '../../planner/calibrate/calibrate.ts'
import type { Style } from '../io.ts'
import { formatTable } from '../table.ts'

const names = [
  ['tpot', 'TPOT'],
  ['ttft', 'TTFT'],
  ['e2e', 'E2E'],
  ['throughput', 'throughput'],
] as const

type Missed = CalibrationFile['evidence']['before']['tpot']

/** How far predictions are off in the mean; too much and too little count alike. */
export const offBy = (missed: Missed | undefined): string =>
  missed ? factorText(missed.meanFactor ?? 1 + missed.meanApe) : '–'

/** How far the error fell, for a person. */
export function calibrationText(
  { name, calibration, evidence }: CalibrationFile,
  style: Style,
): string {
  const { before, fitted, heldOut } = evidence
  const version = calibration.version === '' ? '' : ` ${calibration.version}`
  const moved = Object.entries(evidence.moved).map(
    ([key, factor]) =>
      `${key.replace(/^\w+\./, (part) => (part === 'step.' ? '' : 'first token, '))} × ${factor}`,
  )
  return [
    `${style('bold', name)}  ${calibration.engine}${version}, ${calibration.model} in ${calibration.weights} on ${calibration.device}`,
    `${evidence.runs} runs of ${evidence.conditions} conditions`,
    '',
    formatTable(
      ['off by, mean', 'runs', 'published', 'calibrated', 'not shown to it'],
      names.flatMap(([figure, label]) => {
        const one = before[figure]
        if (!one) return []
        return [
          [label, String(one.rows), offBy(one), offBy(fitted[figure]), offBy(heldOut[figure])],
        ]
      }),
      style,
    ),
    '',
    style(
      'dim',
      `"not shown to it": each condition foreseen by a calibration of the others; ${Math.round(evidence.heldOutInside * 100)} % of those lie within their 80 % interval`,
    ),
    ...(moved.length > 0 ? [`moved most: ${moved.join('; ')}`] : []),
    ...evidence.notes.map((note) => style('yellow', note)),
  ].join('\n')
}

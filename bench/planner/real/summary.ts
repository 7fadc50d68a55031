import { readFileSync } from 'node:fs'
import { createRandom } from '../../../src/core/random.ts'
import type { Run } from './drive.ts'

interface Pair {
  readonly kind: 'pair'
  readonly against: string
  readonly contender: string
  readonly seed: number
  readonly planned: { readonly model: string; readonly settings: object }
  readonly run: Run
}

interface Foreseen {
  readonly ttftMsMean: number
  readonly tpotMsMean: number
  readonly e2eMsMean: number
  readonly errorBar: Readonly<Record<'ttftMs' | 'tpotMs' | 'e2eMs', readonly [number, number]>>
}

interface Learnt {
  readonly kind: 'calibration'
  readonly model: string
  readonly published: Foreseen
  readonly foreseen: Foreseen
  readonly measured: {
    readonly ttftMs: number
    readonly tpotMs: number
    readonly e2eMs: number
    readonly requests: number
    readonly at: { readonly users: number }
  }
}

/** Prints what the runs of a file come to. */
export function summary(path: string): void {
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Pair | Learnt)
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  write('| against | figure | default ms | plan ms | change | 90 % interval | requests |')
  write('|---|---|--:|--:|--:|---|--:|')
  // Of a short run nobody may have come.
  const pairs = lines.filter((line) => line.kind === 'pair' && line.run.e2eMs.length > 0) as Pair[]
  for (const against of new Set(pairs.map((pair) => pair.against)))
    for (const [figure, share] of [
      ['ttftMs', 0.5],
      ['ttftMs', 0.95],
      ['e2eMs', 0.5],
      ['e2eMs', 0.95],
    ] as const) {
      const runs = (isPlan: boolean) =>
        pairs
          .filter((pair) => pair.against === against && (pair.contender === 'plan') === isPlan)
          .map(({ run }) => run[figure])
      const [base, own] = [runs(false), runs(true)]
      const change = (pick: readonly number[]) =>
        quantile(
          pick.flatMap((at) => own[at]!),
          share,
        ) /
          quantile(
            pick.flatMap((at) => base[at]!),
            share,
          ) -
        1
      const all = [...own.keys()]
      const random = createRandom(1)
      const drawn = Array.from({ length: 2000 }, () =>
        change(all.map(() => Math.floor(random() * all.length))),
      ).sort((a, b) => a - b)
      write(
        `| ${[
          against,
          `${figure === 'ttftMs' ? 'TTFT' : 'E2E'} p${share * 100}`,
          quantile(base.flat(), share).toFixed(0),
          quantile(own.flat(), share).toFixed(0),
          percent(change(all)),
          `${percent(drawn[100]!)} … ${percent(drawn[1899]!)}`,
          `${base.flat().length} + ${own.flat().length}`,
        ].join(' | ')} |`,
      )
    }
  write('\n| foreseen | figure | published ms | calibrated ms (80 %) | then measured ms | error |')
  write('|---|---|--:|---|--:|--:|')
  for (const line of lines)
    if (line.kind === 'calibration')
      for (const [name, key, bar] of [
        ['TTFT', 'ttftMsMean', 'ttftMs'],
        ['TPOT', 'tpotMsMean', 'tpotMs'],
        ['E2E', 'e2eMsMean', 'e2eMs'],
      ] as const) {
        const { published, foreseen, measured } = line
        const [low, high] = foreseen.errorBar[bar]
        write(
          `| ${line.model}, ${measured.at.users} users | ${name} | ${published[key].toFixed(0)} | ${foreseen[key].toFixed(0)} (${low.toFixed(0)}–${high.toFixed(0)}) | ${measured[bar].toFixed(0)} | ${percent(foreseen[key] / measured[bar] - 1)} |`,
        )
      }
}

const percent = (share: number): string => `${share > 0 ? '+' : ''}${(share * 100).toFixed(0)} %`

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const low = sorted[Math.floor(at)] ?? Number.NaN
  return low + (at % 1) * ((sorted[Math.ceil(at)] ?? low) - low)
}

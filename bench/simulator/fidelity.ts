/**
 * The simulator beside recorded runs of vLLM 0.19: `node bench/simulator/fidelity.ts [--json]`. Step times are sums of
 * layers that were measured one by one, so what differs is what the scheduler does.
 */
import { parseArgs } from 'node:util'
import { type Distribution, summarise } from '../../src/simulator/results/summarise.ts'
import { hasRecordings, readRecording, recordedRuns, replay } from './recorded-runs.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
if (!hasRecordings()) {
  console.error('no recordings: ../shared/data is not there')
  process.exit(1)
}

const metrics = ['ttftMs', 'tpotMs', 'e2eMs'] as const
const points = ['mean', 'p50', 'p90', 'p99'] as const
const rows = recordedRuns.flatMap((run) => {
  const recording = readRecording(run.name)
  const summary = summarise(replay(run, recording))
  return metrics.map((metric) => {
    const recorded = recordedDistribution(recording.map((request) => request[metric]))
    const simulated: Distribution = summary[metric]
    const errors = points.map((point) => simulated[point]! / recorded[point] - 1)
    return { run: run.name, metric, recorded, simulated, errors, preemptions: summary.preemptions }
  })
})

if (values.json) console.log(JSON.stringify(rows))
else
  for (const { run, metric, recorded, simulated, errors } of rows)
    console.log(
      `${run.padEnd(42)} ${metric.replace('Ms', '').toUpperCase().padEnd(5)}` +
        `mean ${recorded.mean.toFixed(1)} → ${simulated.mean!.toFixed(1)} ms; error ` +
        points.map((point, at) => `${point} ${(errors[at]! * 100).toFixed(1)} %`).join(', '),
    )
const worst = Math.max(
  ...rows.filter(({ metric }) => metric !== 'ttftMs').map(({ errors }) => Math.abs(errors[0]!)),
)
if (!values.json) console.log(`worst mean of TPOT and E2E: ${(worst * 100).toFixed(1)} % (bar 3 %)`)

function recordedDistribution(samples: readonly number[]) {
  const sorted = samples.toSorted((a, b) => a - b)
  const rank = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  return { mean, p50: rank(0.5), p90: rank(0.9), p99: rank(0.99) }
}

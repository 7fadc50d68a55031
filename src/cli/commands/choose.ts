import { resolve } from 'node:path'
import { scoreColumns, tasks } from '../../planner/choose/scores.ts'
import { defineCommand, usageError } from '../command.ts'
import { planFlags } from '../plan/plan-flags.ts'

export const choose = defineCommand({
  name: 'choose',
  summary: 'Rank models for a task on given devices',
  details: `Plans every built-in model on the devices, drops those that miss the limits, and ranks the rest by quality⁴ ÷ (cost × latency). Quality comes from scores that somebody published or that you measured: a CSV file with ${scoreColumns.join(', ')}. None are built in, because none could be checked; without a file models are ranked by cost and latency alone, which says nothing of how well they answer.`,
  examples: [
    'choose --task chat --languages de,en --gpu l40s:2 --slo ttft.p95=1s --scores scores.csv',
    'choose --task chat --languages de,en --gpu l40s:2 --min-size 7 --template scores.csv',
    'choose --task code --gpu h100:1 --min-size 7 --commercial',
    'choose --task chat --models tiny-q8.gguf,tiny-q2.gguf --gpu local',
  ],
  positionals: [],
  flags: {
    task: { kind: 'text', choices: tasks, summary: 'What it is for; also sets the workload' },
    languages: { kind: 'text', hint: 'de,en', summary: 'Languages it has to answer in' },
    scores: {
      kind: 'text',
      hint: 'FILE',
      summary: 'Evaluation scores as CSV, each with its source',
    },
    template: {
      kind: 'text',
      hint: 'FILE',
      summary: 'Write a file of scores to fill in, for the models that keep the limits',
    },
    models: {
      kind: 'text',
      hint: 'A,B,…',
      summary: 'Only these, files among them; default: all that are built in',
    },
    'min-size': { kind: 'integer', hint: 'BILLIONS', summary: 'Least parameters' },
    'max-size': { kind: 'integer', hint: 'BILLIONS', summary: 'Most parameters' },
    commercial: { kind: 'boolean', summary: 'Only licences that allow commercial use' },
    gpu: planFlags.gpu,
    workload: planFlags.workload,
    columns: planFlags.columns,
    slo: planFlags.slo,
    rate: planFlags.rate,
    'min-quality': planFlags['min-quality'],
    engine: planFlags.engine,
    context: planFlags.context,
    price: planFlags.price,
    prices: planFlags.prices,
    top: planFlags.top,
    url: planFlags.url,
    token: planFlags.token,
    calibration: planFlags.calibration,
    data: planFlags.data,
  },
  async run({ flags, io, output }) {
    if (flags.task === undefined) throw usageError(`--task is missing: ${tasks.join(', ')}`)
    const { chooseModels } = await import('../choose/choose-models.ts')
    const { chosenText, chosenReport } = await import('../choose/report-text.ts')
    const chosen = await chooseModels({ ...flags, task: flags.task }, io, output)
    const report = chosenReport(chosen, flags.top ?? 10)
    if (flags.template !== undefined) {
      const { writeTemplate } = await import('../choose/write-template.ts')
      writeTemplate(resolve(io.workingDirectory, flags.template), chosen)
      output.note(`Fill in ${flags.template}, then: baleen choose … --scores ${flags.template}`)
    }
    output.data(report, () => chosenText(report, output.style))
  },
})

import { resolve } from 'node:path'
import { rankings } from '../../planner/choose/ranking.ts'
import { scoreColumns, tasks } from '../../planner/choose/scores.ts'
import { defineCommand, usageError } from '../command.ts'
import { planFlags } from '../plan/plan-flags.ts'

export const choose = defineCommand({
  name: 'choose',
  summary: 'Rank models for a task on given devices',
  details: `Plans every built-in model on the devices, drops those that miss the limits, and ranks the rest by quality⁸ ÷ (cost × latency). Quality comes from published evaluations, each named in the answer; what nobody has measured is unknown and stands last. Scores that you measured win: a CSV file with ${scoreColumns.join(', ')}.`,
  examples: [
    'choose --task chat --languages de,en --gpu l40s:2 --slo ttft.p95=1s',
    'choose --task rag --gpu l40s:2 --quality 0.9 --scores scores.csv',
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
      summary:
        'Your own evaluation scores as CSV, each with its source; they win over published ones',
    },
    quality: {
      kind: 'text',
      hint: '0.9',
      summary: 'Least share of the quality of the best model known',
    },
    rank: {
      kind: 'text',
      choices: rankings,
      summary: 'What to order equally well-known models by; default value',
    },
    thinking: {
      kind: 'integer',
      hint: 'TOKENS',
      summary: 'Take models as they are when they think first, and that many tokens long',
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

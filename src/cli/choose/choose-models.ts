import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseCsv } from '../../core/csv.ts'
import { AppError } from '../../core/errors.ts'
import { choose, type Chosen } from '../../planner/choose/choose.ts'
import { licenceOf } from '../../planner/choose/licence.ts'
import { publishedScores } from '../../planner/choose/published/boards.ts'
import type { Ranking } from '../../planner/choose/ranking.ts'
import { readScores, type Task } from '../../planner/choose/scores.ts'
import { countParameters } from '../../planner/model-facts.ts'
import { modelCatalogue } from '../../planner/models/catalogue.ts'
import { groupName } from '../../planner/workload/fleet.ts'
import { sloName } from '../../planner/workload/slo.ts'
import { type FlagValues, usageError } from '../command.ts'
import type { Io, Output } from '../io.ts'
import { loadsGguf, type planFlags, planRequest } from '../plan/plan-flags.ts'
import { plannerEngines } from '../plan/planner-engines.ts'
import { type NamedModel, readModel } from '../plan/read-model.ts'
import { readWorkload } from '../plan/read-workload.ts'

type Asked = Partial<FlagValues<typeof planFlags>> & {
  readonly task: Task
  readonly languages: string | undefined
  readonly scores: string | undefined
  readonly models: string | undefined
  readonly 'min-size': number | undefined
  readonly 'max-size': number | undefined
  readonly commercial: boolean
  readonly thinking: number | undefined
  readonly quality: string | undefined
  readonly rank: Ranking | undefined
}

/** What each task looks like as traffic. */
const workloads: Readonly<Record<Task, string>> = {
  chat: 'chat',
  rag: 'rag',
  code: 'code',
  classify: 'classification',
}

export interface Asking extends Chosen {
  readonly task: Task
  readonly languages: readonly string[]
  readonly workload: string
  readonly devices: readonly string[]
  /** Name of each limit to milliseconds. */
  readonly slo: Readonly<Record<string, number>>
  readonly rateRps: number | null
  readonly thinkingTokens: number | null
  readonly ranking: Ranking
  readonly notes: readonly string[]
}

export async function chooseModels(asked: Asked, io: Io, output: Output): Promise<Asking> {
  const flags = { ...nothing, ...asked }
  const models = await modelsOf(asked, io)
  const { scores, notes } = readScoreFile(asked.scores, io.workingDirectory)
  const workload = await readWorkload(
    { ...flags, workload: asked.workload ?? workloads[asked.task] },
    io,
  )
  const engines = await plannerEngines(flags, io, output)
  const [first] = models
  if (!first) throw usageError('no model is left to choose from')
  const named = { facts: first.facts, source: '', isGguf: models.every(({ isGguf }) => isGguf) }
  const { model: _model, ...request } = planRequest(
    named,
    workload,
    flags,
    engines,
    io.workingDirectory,
  )
  const languages = (asked.languages ?? '')
    .toLowerCase()
    .split(',')
    .flatMap((code) => code.trim() || [])
  const wish = {
    task: asked.task,
    languages,
    own: scores,
    published: publishedScores(asked.task),
    thinkingTokens: asked.thinking ?? null,
    qualityMin: share(asked.quality),
    ranking: asked.rank ?? 'value',
    request,
    engines: new Map(
      models.flatMap(({ facts: { name }, isGguf }) =>
        isGguf ? [[name, request.pinned.engines.filter(loadsGguf)] as const] : [],
      ),
    ),
  }
  return {
    ...choose(
      models.map(({ facts }) => facts),
      wish,
    ),
    task: asked.task,
    languages,
    workload: workload.workload.name,
    devices: request.fleet.map((group) => `${group.count} × ${groupName(group)}`),
    slo: Object.fromEntries(request.slo.map((target) => [sloName(target), target.limitMs])),
    rateRps: request.rateRps,
    thinkingTokens: wish.thinkingTokens,
    ranking: wish.ranking,
    notes,
  }
}

function share(text: string | undefined): number {
  if (text === undefined) return 0
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text)
  if (!(value >= 0 && value <= 1))
    throw usageError(`--quality ${text} is no share of the best`, 'Write 0.9 or 90%.')
  return value
}

/** Flags of a plan that mean nothing where models are compared. */
const nothing = {
  explain: false,
  objective: undefined,
  weights: undefined,
  kv: undefined,
  tp: undefined,
  pp: undefined,
  replicas: undefined,
  emit: undefined,
} as unknown as FlagValues<typeof planFlags>

async function modelsOf(asked: Asked, io: Io): Promise<Pick<NamedModel, 'facts' | 'isGguf'>[]> {
  const found =
    asked.models === undefined
      ? modelCatalogue.map(({ facts }) => ({ facts, isGguf: false }))
      : await Promise.all(
          asked.models.split(',').map((name) => readModel(name.trim(), io.workingDirectory)),
        )
  return found.filter(({ facts }) => {
    const billions = countParameters(facts).total / 1e9
    return (
      facts.kind === 'decoder' &&
      billions >= (asked['min-size'] ?? 0) &&
      billions <= (asked['max-size'] ?? Number.POSITIVE_INFINITY) &&
      (!asked.commercial || licenceOf(facts.repo)?.isCommercial === true)
    )
  })
}

function readScoreFile(file: string | undefined, directory: string) {
  if (file === undefined) return { scores: [], notes: [] }
  let text: string
  try {
    text = readFileSync(resolve(directory, file), 'utf8')
  } catch (cause) {
    throw new AppError('planner/bad-scores', { message: `can't read scores from ${file}`, cause })
  }
  return readScores(parseCsv(text))
}

import type { EngineModel } from '../../core/engine-model.ts'
import { adapterBurden } from '../../planner/burdens/adapters.ts'
import type { Burden } from '../../planner/burdens/burden.ts'
import { compileBurden, compileLevels } from '../../planner/burdens/compile-level.ts'
import { offloadBurden } from '../../planner/burdens/offload.ts'
import type { ModelFacts } from '../../planner/model-facts.ts'
import { resolveModel } from '../../planner/models/resolve-model.ts'
import { neighbourBurden } from '../../planner/sharing/neighbour.ts'
import type { Request } from '../../planner/search/screen.ts'
import { compress } from '../../planner/treatments/compression.ts'
import { withImages } from '../../planner/treatments/images.ts'
import { asRead } from '../../planner/workload/as-read.ts'
import { parseWorkload } from '../../planner/workload/parse-workload.ts'
import { parseRate } from '../../planner/workload/slo.ts'
import type { Workload } from '../../planner/workload/workload.ts'
import { type Flags, type FlagValues, usageError } from '../command.ts'

/** What the devices bear beside the model. */
export const burdenFlags = {
  lora: {
    kind: 'text',
    hint: 'COUNT:RANK',
    summary: 'LoRA adapters that are served beside one another, like 32:16',
  },
  beside: {
    kind: 'text',
    hint: 'MODEL@RATE',
    summary: 'Another model on the same devices, like qwen3-8b@2/s or qwen3-8b@2/s:code',
  },
  offload: {
    kind: 'text',
    hint: 'WHAT:SHARE[@WHERE]',
    summary:
      'Kept out of the devices’ memory: weights, experts or cache, in host (default), nvme or cpu, like weights:0.4 or experts:1@cpu',
  },
  compress: {
    kind: 'text',
    hint: '0.5',
    summary: 'Share of each prompt that is kept by selective context compression',
  },
  images: {
    kind: 'text',
    hint: 'COUNT:TOKENS',
    summary: 'Images in each request and the tokens that one becomes, like 2:1024',
  },
  compile: {
    kind: 'text',
    choices: compileLevels,
    summary: 'How steps are launched: kernel by kernel, captured graphs, or compiled whole',
  },
} as const satisfies Flags

/** Errors: usage. */
export function burdensOf(
  { lora, beside, offload, compile }: FlagValues<typeof burdenFlags>,
  engines: readonly EngineModel[],
): Burden[] {
  return [
    ...(lora === undefined ? [] : [adapters(lora)]),
    ...(beside === undefined ? [] : [neighbour(beside, engines)]),
    ...(offload === undefined ? [] : [elsewhere(offload)]),
    ...compileBurden(compile ?? 'graphs'),
  ]
}

/** The workload as it reaches the model, with what that costs and loses. */
export function treated(
  workload: Workload,
  model: ModelFacts,
  { compress: keep, images }: FlagValues<typeof burdenFlags>,
): Pick<Request, 'workload' | 'burdens' | 'lossBeside'> {
  let shaped = workload
  const burdens: Burden[] = []
  if (images !== undefined) {
    const [, count, tokens] = /^(\d{1,4}):(\d{1,6})$/.exec(images.trim()) ?? []
    if (!(Number(count) >= 1 && Number(tokens) >= 1))
      throw usageError(`--images "${images}" is not COUNT:TOKENS`, 'Write it like 2:1024.')
    const seen = withImages(shaped, model, { count: Number(count), tokens: Number(tokens) })
    if (!seen) throw usageError(`${model.name} has no vision tower to look at images with`)
    shaped = seen.workload
    burdens.push(seen.burden)
  }
  if (keep === undefined || Number(keep) === 1) return { workload: shaped, burdens }
  if (!(Number(keep) > 0 && Number(keep) <= 1))
    throw usageError(`--compress "${keep}" is no share`, 'Write the share that is kept, like 0.5.')
  const shorter = compress(shaped, Number(keep))
  return {
    workload: shorter.workload,
    burdens: [...burdens, shorter.burden],
    lossBeside: shorter.quality,
  }
}

const rankMost = 512

function adapters(text: string): Burden {
  const [, count, rank] = /^(\d{1,5}):(\d{1,4})$/.exec(text.trim()) ?? []
  if (!(Number(count) >= 1 && Number(rank) >= 1))
    throw usageError(`--lora "${text}" is no number of adapters`, 'Write COUNT:RANK, like 32:16.')
  if (Number(rank) > rankMost)
    throw usageError(`--lora: engines take adapters of rank ${rankMost} at the most, not ${rank}`)
  return adapterBurden({ count: Number(count), rank: Number(rank) })
}

function neighbour(text: string, engines: readonly EngineModel[]): Burden {
  const [, name = '', rate = '', workload = 'chat'] =
    /^(.+)@([^@:]+)(?::(.+))?$/.exec(text.trim()) ?? []
  const model = resolveModel(name)
  const [engine] = engines
  if (!model || !engine)
    throw usageError(
      name === '' ? `--beside "${text}" names no rate` : `--beside: no model "${name}" is known`,
      'Write MODEL@RATE, like qwen3-8b@2/s.',
    )
  const shape = asRead(parseWorkload(workload), model)
  return neighbourBurden({ model, rateRps: parseRate(rate), workload: shape }, engine)
}

function elsewhere(text: string): Burden {
  const match = /^(weights|experts|cache):(0?\.\d+|[01](?:\.0*)?)(?:@(host|nvme|cpu))?$/.exec(
    text.trim(),
  )
  const [, what, share, where = 'host'] = match ?? []
  if (!(Number(share) > 0))
    throw usageError(
      `--offload "${text}" is not WHAT:SHARE`,
      'Write weights:0.4, experts:1@cpu or cache:0.5; where is host, nvme or cpu.',
    )
  return offloadBurden({
    what: what as 'weights',
    where: where as 'host',
    share: Number(share),
  })
}

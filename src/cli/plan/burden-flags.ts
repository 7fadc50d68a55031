import type { EngineModel } from '../../core/engine-model.ts'
import { adapterBurden } from '../../planner/burdens/adapters.ts'
import type { Burden } from '../../planner/burdens/burden.ts'
import { compileBurden, compileLevels } from '../../planner/burdens/compile-level.ts'
import { offloadBurden } from '../../planner/burdens/offload.ts'
import { resolveModel } from '../../planner/models/resolve-model.ts'
import { neighbourBurden } from '../../planner/sharing/neighbour.ts'
import { parseWorkload } from '../../planner/workload/parse-workload.ts'
import { parseRate } from '../../planner/workload/slo.ts'
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

function adapters(text: string): Burden {
  const [, count, rank] = /^(\d{1,5}):(\d{1,4})$/.exec(text.trim()) ?? []
  if (!(Number(count) >= 1 && Number(rank) >= 1))
    throw usageError(`--lora "${text}" is no number of adapters`, 'Write COUNT:RANK, like 32:16.')
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
  const shape = parseWorkload(workload)
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

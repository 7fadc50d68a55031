import type { EngineModel } from '../../core/engine-model.ts'
import type { Accelerator } from '../accelerator.ts'
import { resolveAccelerator, suggestAccelerators } from '../accelerators/resolve-accelerator.ts'
import { type Kernel, nativeKernel, parseKernel, precisionOf } from '../kernel-precision.ts'
import type { Scenario } from '../load/scenario.ts'
import { parseLoad } from '../load/load.ts'
import { memoryBudget } from '../memory/budget.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import type { ModelFacts } from '../model-facts.ts'
import { resolveModel, suggestModels } from '../models/resolve-model.ts'
import type { Layout } from '../step/step-time.ts'
import {
  asyncBurden,
  compileBurden,
  type CompileLevel,
  compileLevels,
} from '../burdens/compile-level.ts'
import { parseSpeculation } from '../speculation/parse-speculation.ts'
import { knownAcceptance, usualAcceptance } from '../speculation/published.ts'
import { draftMethods, type Speculation } from '../speculation/speculation.ts'
import { type Ranks, readRanks } from './ranks.ts'
import type { RowInput } from './row.ts'

export interface Unsupported {
  readonly reason: string
}

/** How models and devices are found by what a row calls them; a shell adds files and the machine it runs on. */
export interface Catalogues {
  model(name: string): ModelFacts | null
  device(name: string): Accelerator | null
}

export const builtIn: Catalogues = { model: resolveModel, device: resolveAccelerator }

/** What a row describes, or why it can't be predicted. */
export function readScenario(
  row: RowInput,
  engines: readonly EngineModel[],
  catalogues: Catalogues = builtIn,
): Scenario | Unsupported {
  if (row.odd.length > 0) return no(row.odd.join('; '))
  const engine = findEngineModel(row.engine, engines)
  if (!engine) return no(noEngine(row.engine, engines))
  if (row.model === '') return no('the column model is empty: name a model, a hub id or a file')
  const model = catalogues.model(row.model)
  if (!model)
    return no(`unknown model "${row.model}"; nearest: ${suggestModels(row.model).join(', ')}`)
  const device = catalogues.device(row.gpu)
  if (!device)
    return no(
      row.gpu === ''
        ? 'the column gpu is empty: name an accelerator, like h100'
        : `unknown accelerator "${row.gpu}"; nearest: ${suggestAccelerators(row.gpu).join(', ')}`,
    )
  if (!engine.capabilities.kinds.includes(model.kind))
    return no(`${engine.name} does not run ${model.name}, an ${model.kind}`)
  const load = parseLoad(row.load, row.rateRps)
  if (!load)
    return no(
      row.load === ''
        ? 'no load: the columns concurrency_or_batch and rate_rps are empty'
        : `no load in "${row.load}": write users like 64, qps=4 or max-load`,
    )
  const osl = row.osl
  if (osl === null) return no('no output length: the column osl is empty')
  if (model.kind === 'encoder' && osl > 1) return no(`${model.name} does not generate text`)
  const isl = row.isl ?? osl
  const longest = model.contextMax * stretched
  if (isl + osl > longest)
    return no(
      `${isl + osl} tokens are far beyond the ${model.contextMax} that ${model.name} reaches`,
    )
  const kernel = kernelOn(device, model, parseKernel(row.precision) ?? nativeKernel(model))
  const precision = precisionOf(
    model,
    kernel,
    kvBytes(row.kvDtype || keptAs(row.precision), kernel, device, engine),
  )
  const layoutOf = (ranks: Ranks): Layout => ({
    model,
    device,
    precision,
    ...onEngine(ranks, engine),
    ...expertKernels(row.expertKernels),
  })
  const budgetOf = (ranks: Ranks) =>
    memoryBudget(layoutOf(ranks), engine.memory, { share: row.memoryShare, batchedTokens: 0 })
  const fits = (ranks: Ranks) => budgetOf(ranks).kvBytes > device.memoryBytes * 0.02
  const ranks = readRanks(row, model, device, fits)
  if (budgetOf(ranks).kvBytes <= 0) return no(tooLarge(layoutOf(ranks)))
  return {
    layout: layoutOf(ranks),
    engine,
    version: row.version,
    replicas: ranks.replicas,
    isl,
    osl,
    areLengthsDrawn: row.areLengthsDrawn,
    prefixShare: Math.min(Math.max(row.prefixShare ?? 0, 0), 0.99),
    load,
    maxSequences: row.maxSequences,
    batchedTokens: row.batchedTokens,
    memoryShare: row.memoryShare,
    recvInterval: row.recvInterval ?? 1,
    mixesPrefill: row.scheduling === 'mixed' || engine.scheduling.mixesPrefill,
    lengthShare: Math.min(Math.max(row.lengthShare ?? 1, 0.01), 1),
    speculation: draftsOf(row.speculative, model),
    burdens: [
      ...compileBurden(levelOf(row.compile)),
      ...(row.scheduling === 'async' ? [asyncBurden] : []),
    ],
  }
}

const levelOf = (text: string): CompileLevel =>
  compileLevels.find((level) => level === text) ?? 'graphs'

/** Drafts that a table names; their acceptance is the published one, else what drafts of the kind usually have. */
function draftsOf(text: string, model: ModelFacts): Speculation | null {
  if (text === '' || text === 'off') return null
  const [, method = '', rest = ''] = /^(\w+):?(.*)$/.exec(text) ?? []
  const kind = draftMethods.find((one) => one === method) ?? 'eagle'
  const told = rest === '' || /acceptance=/.test(rest) ? rest : `${rest},`
  const acceptance = /acceptance=/.test(rest)
    ? ''
    : `acceptance=${knownAcceptance(model, kind) ?? usualAcceptance[kind]}`
  // DeepSeek's own layer is called EAGLE by some engines.
  const named = kind === 'eagle' && model.mla ? 'mtp' : kind
  const found = parseSpeculation(`${named}:${told}${acceptance}`, resolveModel)
  return found === 'auto' ? null : found
}

export function findEngineModel(
  name: string,
  engines: readonly EngineModel[],
): EngineModel | undefined {
  const key = name.trim().toLowerCase()
  return engines.find((engine) => engine.name === key || engine.aliases.includes(key))
}

/** Contexts have been stretched so many times beyond what a model was made for, and hardly further. */
const stretched = 8

const no = (reason: string): Unsupported => ({ reason })

function noEngine(name: string, engines: readonly EngineModel[]): string {
  const known = engines.map((engine) => engine.name).join(', ')
  return name === ''
    ? `the column engine is empty: name one of ${known}, or give its launch command in the column command`
    : `no model of the engine "${name}"; there are ${known}`
}

/** Four-bit floats that a device can't multiply are unpacked to bf16; those that it can are not. */
function kernelOn(device: Accelerator, model: ModelFacts, kernel: Kernel): Kernel {
  const isMxfp4 = model.nativePrecision === 'mxfp4' && kernel !== 'bf16'
  if (isMxfp4 || kernel === 'nvfp4' || kernel === 'mxfp4')
    return device.tflops.fp4 ? 'nvfp4' : 'mxfp4'
  return kernel
}

/** Kernels of the experts that a launch asks for in place of the device's own. */
function expertKernels(name: string): Pick<Layout, 'expertKernels'> {
  if (name === 'triton' || name === 'deepgemm') return { expertKernels: 'ported' }
  return name === 'marlin' ? { expertKernels: 'marlin' } : {}
}

/** "FP8 (FP8 KV)" names the cache beside the weights. */
const keptAs = (precision: string): string => /(\w+) kv/i.exec(precision)?.[1] ?? ''

function kvBytes(dtype: string, kernel: Kernel, device: Accelerator, engine: EngineModel): number {
  if (/fp8|int8|e4m3|e5m2/i.test(dtype)) return 1
  if (/16/.test(dtype)) return 2
  const { plain, quantised, newest } = engine.memory.defaultKvBytes
  if (kernel === 'bf16') return plain
  return device.tflops.fp4 ? newest : quantised
}

/** An engine without tensor parallelism puts layers, not slices, on each device. */
function onEngine(ranks: Ranks, engine: EngineModel): Omit<Ranks, 'replicas'> {
  const { tp, pp, dp, ep } = ranks
  return engine.capabilities.parallelism.includes('tp')
    ? { tp, pp, dp, ep }
    : { tp: 1, pp: pp * tp, dp: 1, ep: 1 }
}

function tooLarge(layout: Layout): string {
  const needs = (weightBytesPerDevice(layout) / 1e9).toFixed(0)
  const has = (layout.device.memoryBytes / 1e9).toFixed(0)
  return `${layout.model.name} needs ${needs} GB of weights on each device, ${layout.device.name} has ${has} GB`
}

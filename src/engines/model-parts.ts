import type { EngineModel } from '../core/engine-model.ts'

/** What several engines have alike of the facts that they give the planner. */

type Knob = EngineModel['knobs'][number]

const abouts: Partial<Record<Knob['name'], string>> = {
  tensorParallel: 'devices that share one layer',
  pipelineParallel: 'stages of layers',
  expertParallel: 'ranks that experts spread over',
  maxSequences: 'sequences in one step',
  batchedTokens: 'tokens in one step',
  contextMax: 'longest sequence',
  kvPrecision: 'precision of the cache',
  speculative: 'draft model or heads',
}

type Said = string | readonly [flag: string, about: string]

/** By knob its flag; with a text where it does not mean what it usually does. */
export const knobsOf = (flags: Partial<Record<Knob['name'], Said>>): readonly Knob[] =>
  (Object.entries(flags) as [Knob['name'], Said][]).map(([name, said]) => {
    const [flag, about = abouts[name] ?? ''] = typeof said === 'string' ? [said] : said
    return { name, flag, about }
  })

/** Nothing is compiled or captured. Seconds. */
export const plainStart = (
  bootS: number,
  profileS: number,
  source: string,
): EngineModel['startup'] => ({
  bootS,
  compiles: false,
  compileS: 0,
  compileLayerS: 0,
  firstCompile: 1,
  profileS,
  captureLayerS: 0,
  source,
})

/** Large engines on PyTorch that compile nothing, of which no starts were measured. */
export const capturingStart: EngineModel['startup'] = {
  ...plainStart(18, 2.9, 'not measured: as vLLM without compilation'),
  captureLayerS: 0.043,
}

/** llama.cpp under whatever server. */
export const llamaCpp = {
  memory: {
    blockTokens: 1,
    reservedBlocks: 0,
    bytesPerVocabularyEntry: 2048,
    bytesPerActivation: 4,
    freeBatchedTokens: 512,
    reserves: 'in-advance',
    defaultKvBytes: { plain: 2, quantised: 2, newest: 2 },
  },
  bursts: { dense: 0, experts: 0, fp4: 0, ttft: 0, tpot: 0 },
} as const satisfies { memory: Partial<EngineModel['memory']>; bursts: EngineModel['bursts'] }

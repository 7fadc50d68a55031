import type { Llama, LlamaContext, LlamaModel } from 'node-llama-cpp'
import { addonContextOf, addonModelOf, addonOf } from './addon.ts'
import type { Addon, AddonContext, AddonSampler, AddonSamplerConfig } from './addon.ts'
import { vocabularySize } from './model-facts.ts'
import type { ModelSession, Sampler, SamplingOptions } from './session.ts'

export function createSession(
  llama: Llama,
  model: LlamaModel,
  context: LlamaContext,
  options: { readonly contextTokens: number; readonly isSerial: boolean },
): ModelSession {
  const { contextTokens } = options
  const addon = addonOf(llama)
  const native: AddonContext = addonContextOf(context)
  const nativeModel = addonModelOf(model)
  const isEnd = endTokens(model)
  let threadsNow = 0

  const createNativeSampler = (config: AddonSamplerConfig): AddonSampler => {
    const sampler = new addon.AddonSampler(nativeModel)
    sampler.applyConfig(config)
    return sampler
  }
  return {
    sequences: context.totalSequences,
    ...options,
    isEnd: (token) => isEnd[token] === 1,
    startBatch: (tokens) => native.initBatch(tokens),
    add: (sequence, position, tokens, wanted) =>
      native.addToBatch(sequence, position, tokens, wanted),
    decode(threads) {
      if (threads !== threadsNow) native.setThreads(threads)
      threadsNow = threads
      return native.decodeBatch()
    },
    sample: (logit, sampler) => native.sampleToken(logit, sampler as AddonSampler),
    async distribution(logit, sampler) {
      const [, pairs = []] = await native.sampleToken(logit, sampler as AddonSampler, true)
      return {
        tokens: pairs.filter((_, index) => index % 2 === 0),
        probabilities: pairs.filter((_, index) => index % 2 === 1),
      }
    },
    createSampler: (options, prompt): Sampler =>
      createNativeSampler({
        ...samplerConfig(options, prompt, contextTokens, isEnd),
        ...(options.grammar === null
          ? {}
          : { grammarEvaluationState: grammarState(options.grammar) }),
      }),
    createRawSampler: () =>
      createNativeSampler({ temperature: 1, topK: 0, topP: 1, minP: 0, seed: 0 }),
    truncate(sequence, length) {
      // With a sliding window the cells before the window are gone: what starts there can't be continued.
      const canCut = length > 0 && length > native.getSequenceKvCacheMinPosition(sequence)
      if (canCut && native.removeTokenCellsFromSequence(sequence, length, -1)) return length
      native.disposeSequence(sequence)
      return 0
    },
    embedding: (tokens) => native.getEmbedding(tokens),
  }

  function grammarState(text: string): object {
    return new addon.AddonGrammarEvaluationState(nativeModel, readGrammar(addon, text))
  }
}

export function acceptsGrammar(llama: Llama, text: string): boolean {
  try {
    readGrammar(addonOf(llama), text)
    return true
  } catch {
    return false
  }
}

const readGrammar = (addon: Addon, text: string): object =>
  new addon.AddonGrammar(text, { addonExports: addon, rootRuleName: 'root' })

function samplerConfig(
  options: SamplingOptions,
  prompt: Uint32Array,
  contextTokens: number,
  isEnd: Uint8Array,
): AddonSamplerConfig {
  const bias = new Map(options.logitBias)
  if (options.ignoreEnd)
    for (const [token, flag] of isEnd.entries()) if (flag) bias.set(token, -Infinity)
  const isPenalised =
    options.presencePenalty !== 0 ||
    options.frequencyPenalty !== 0 ||
    options.repetitionPenalty !== 1
  return {
    temperature: options.temperature,
    topK: options.topK,
    topP: options.topP,
    minP: options.minP,
    seed: options.seed,
    ...(bias.size > 0
      ? {
          tokenBiasKeys: Uint32Array.from(bias.keys()),
          tokenBiasValues: Float32Array.from(bias.values()),
        }
      : {}),
    ...(isPenalised
      ? {
          repeatPenalty: options.repetitionPenalty,
          repeatPenaltyPresencePenalty: options.presencePenalty,
          repeatPenaltyFrequencyPenalty: options.frequencyPenalty,
          repeatPenaltyMaxTokens: contextTokens,
          repeatPenaltyTokens: options.repetitionPenalty === 1 ? new Uint32Array(0) : prompt,
        }
      : {}),
  }
}

function endTokens(model: LlamaModel): Uint8Array {
  const native = addonModelOf(model)
  return Uint8Array.from({ length: vocabularySize(model) }, (_, token) =>
    Number(native.isEogToken(token)),
  )
}

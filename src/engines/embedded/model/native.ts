import { setImmediate } from 'node:timers/promises'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'
import { AppError, toAppError } from '../../../core/errors.ts'
import { readFacts, readVocabulary, type ModelFacts } from './model-facts.ts'
import { acceptsGrammar, createSession } from './native-session.ts'
import type { ModelSession } from './session.ts'
import type { Vocabulary } from './vocabulary.ts'

export interface LoadOptions {
  readonly path: string
  readonly task: 'generate' | 'embed'
  /** `auto`: the model's own length, at most 4096. */
  readonly contextTokens: number | 'auto'
  readonly sequencesMax: number
  readonly batchTokens: number
  readonly gpu: 'auto' | 'off'
  /** libuv has one worker thread: see `serialVariable` in ../flags.ts. */
  readonly isSerial: boolean
  /** Share loaded, 0 to 1. */
  onProgress(share: number): void
  onLog(level: 'warn' | 'error', line: string): void
}

/** A model in memory. */
export interface LoadedModel {
  readonly vocabulary: Vocabulary
  readonly session: ModelSession
  readonly facts: ModelFacts
  /** Whether llama.cpp can read this GBNF. */
  acceptsGrammar(grammar: string): boolean
}

/**
 * Throws `engine/bad-model` where the file can't be used, `engine/failed` where the machine can't hold it or llama.cpp's
 * library does not load.
 */
export async function loadModel(options: LoadOptions): Promise<LoadedModel> {
  const complaints: string[] = []
  const llama = await openLibrary(options, complaints)
  const model = await llama
    .loadModel({ modelPath: options.path, onLoadProgress: (share) => options.onProgress(share) })
    .catch(async (thrown: unknown) => {
      // The library hands out llama.cpp's log a turn later.
      await setImmediate()
      const reason = complaints[0] ?? toAppError(thrown).message
      throw new AppError('engine/bad-model', {
        message: `${options.path}: ${reason.replace(noise, '')}`,
        cause: thrown,
      })
    })
  const isEmbedding = options.task === 'embed'
  if (!isEmbedding && model.fileInfo.architectureMetadata.attention?.causal === false)
    throw new AppError('engine/bad-model', {
      message: `${options.path}: this model makes embeddings and can't generate`,
      hint: 'Set `task: embed`.',
    })
  const contextTokens = chooseContext(options, model.trainContextSize)
  const context = await model
    .createContext({
      sequences: isEmbedding ? 1 : options.sequencesMax,
      contextSize: contextTokens,
      // An encoder has to see a whole text in one step.
      batchSize: isEmbedding ? contextTokens : options.batchTokens,
      threads: 1,
      failedCreationRemedy: false,
      ...(isEmbedding ? { _embeddings: true } : {}),
    })
    .catch((thrown: unknown) => {
      const sequences = isEmbedding ? 1 : options.sequencesMax
      throw new AppError('engine/failed', {
        message: `no room for ${sequences} × ${contextTokens} tokens: ${complaints[0] ?? toAppError(thrown).message}`,
        hint: 'Lower settings.sequencesMax or settings.contextTokens, or free memory.',
        cause: thrown,
      })
    })
  return {
    vocabulary: readVocabulary(model),
    session: createSession(llama, model, context, { contextTokens, isSerial: options.isSerial }),
    facts: readFacts(llama, model),
    acceptsGrammar: (grammar) => acceptsGrammar(llama, grammar),
  }
}

function openLibrary(options: LoadOptions, complaints: string[]) {
  return getLlama({
    gpu: options.gpu === 'off' ? false : 'auto',
    build: 'never',
    skipDownload: true,
    maxThreads: 0,
    logLevel: LlamaLogLevel.warn,
    logger: (level, line) => {
      const isError = level === LlamaLogLevel.error || level === LlamaLogLevel.fatal
      if (isError) complaints.push(line.trim())
      options.onLog(isError ? 'error' : 'warn', line.trim())
    },
  }).catch((cause: unknown) => {
    throw new AppError('engine/failed', {
      message: `the library of llama.cpp does not load: ${toAppError(cause).message}`,
      hint: 'Where LD_LIBRARY_PATH leads to another llama.cpp, start Baleen without it. `npm ci` installs the library anew.',
      cause,
    })
  })
}

function chooseContext({ task, contextTokens }: LoadOptions, trainedTokens: number): number {
  if (contextTokens === 'auto') return Math.min(trainedTokens, 4096)
  // An encoder has no positions beyond those it was trained with: llama.cpp would abort the process.
  return task === 'embed' ? Math.min(contextTokens, trainedTokens) : contextTokens
}

/** llama.cpp's own function names before what it has to say. */
const noise = /^(llama_\w+: |error loading model: |gguf_\w+: )+/

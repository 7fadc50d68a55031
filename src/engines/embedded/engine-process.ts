import { availableParallelism } from 'node:os'
import type { Logger } from 'pino'
import { systemClock } from '../../core/clock.ts'
import { AppError, toAppError } from '../../core/errors.ts'
import { createBatchLoop, type BatchLoop } from './batch/batch-loop.ts'
import { createEmbedLoop, type EmbedLoop } from './batch/embed-loop.ts'
import { createStepTuner, threadCounts, type StepTuner } from './batch/step-tuner.ts'
import type { RunningEngine } from '../run-engine.ts'
import type { EngineFlags } from './flags.ts'
import { judgeHealth, type EngineState } from './health.ts'
import { drainServer, listen } from './http/listening.ts'
import { readSamplingDefaults } from './http/sampling.ts'
import { createEngineServer } from './http/server.ts'
import type { Serving } from './http/serving.ts'
import { createMetrics, type EngineMetrics } from './metrics.ts'
import { createChatTemplate } from './model/chat-template.ts'
import { loadModel, type LoadedModel } from './model/native.ts'
import { createPromptReader } from './model/prompt.ts'

export interface EngineProcess extends RunningEngine {
  readonly loaded: Promise<LoadSummary>
}

export interface LoadSummary {
  readonly architecture: string
  /** False: CPU. */
  readonly gpu: string | false
  readonly sequences: number
  readonly contextTokens: number
}

/** One engine: listens at once, loads the model, answers. `onBroken`: it can't go on. */
export async function startEngine(
  flags: EngineFlags,
  deps: { readonly log: Logger; readonly isSerial: boolean; onBroken(error: AppError): void },
): Promise<EngineProcess> {
  // A step has to hold a token of every answer and still have room for a prompt.
  const batchTokens = Math.max(flags.batchTokens, flags.sequencesMax + 32)
  let state: EngineState = { kind: 'loading', share: 0 }
  const settled = Promise.withResolvers<void>()
  let serving: Serving | null = null
  let metrics: EngineMetrics | null = null
  const onBroken = (error: AppError): void => {
    state = { kind: 'failed', error }
    deps.onBroken(error)
  }
  const engineServer = createEngineServer({
    health: () => judgeHealth(state, stepStartedMs(serving), systemClock.monotonicMs()),
    settled: settled.promise,
    metrics: async () => (metrics ? metrics.read() : ''),
    serving: () => takeServing(state, serving),
    onUnexpected: (error) => deps.log.error({ err: error, code: error.code }, 'a request failed'),
  })
  const port = await listen(engineServer.server, flags)

  async function load(): Promise<LoadSummary> {
    try {
      const model = await loadModel({
        ...flags,
        batchTokens,
        path: flags.model,
        isSerial: deps.isSerial,
        onProgress: (share) => {
          if (state.kind === 'loading') state = { kind: 'loading', share }
        },
        onLog: (level, line) => deps.log[level](line),
      })
      const tuner = createTuner(flags, model)
      await warmUp(model, tuner)
      ;({ serving, metrics } = serve(model, { ...flags, batchTokens }, tuner, onBroken))
      if (state.kind === 'loading') state = { kind: 'ready' }
      const { session, facts } = model
      return {
        architecture: facts.architecture,
        gpu: facts.gpu,
        sequences: session.sequences,
        contextTokens: session.contextTokens,
      }
    } catch (thrown) {
      state = { kind: 'failed', error: toAppError(thrown) }
      throw thrown
    } finally {
      settled.resolve()
    }
  }

  return {
    url: `http://${flags.host}:${port}`,
    loaded: load(),
    async drain(limitMs) {
      state = { kind: 'draining' }
      settled.resolve()
      await drainServer(engineServer, limitMs)
    },
  }
}

function createTuner({ threads }: EngineFlags, { facts }: LoadedModel): StepTuner {
  if (threads !== 'auto') return createStepTuner([threads])
  // On a GPU the CPU has little to do.
  return createStepTuner(facts.gpu === false ? threadCounts(availableParallelism()) : [1])
}

/** Brings the weights into memory and finds the mode for one answer at a time before the first request does. */
async function warmUp({ session, vocabulary }: LoadedModel, tuner: StepTuner): Promise<void> {
  const tokens = Uint32Array.of(vocabulary.bosToken ?? 0)
  const startedMs = performance.now()
  for (let steps = 0; steps < 10 && performance.now() - startedMs < warmUpMs; steps++) {
    const mode = tuner.choose(1)
    const stepMs = performance.now()
    session.truncate(0, 0)
    session.startBatch(1)
    session.add(0, 0, tokens, Uint32Array.of(0))
    await session.decode(mode.threads)
    if (steps > 0) tuner.observe(1, mode, performance.now() - stepMs)
  }
  session.truncate(0, 0)
}

const warmUpMs = 500

function serve(
  model: LoadedModel,
  flags: EngineFlags,
  tuner: StepTuner,
  onBroken: (error: AppError) => void,
): { serving: Serving; metrics: EngineMetrics } {
  const { vocabulary, session, facts } = model
  const template = createChatTemplate(facts.chatTemplate, facts)
  const deps = { session, tuner, clock: systemClock, onBroken }
  const generations: BatchLoop | null =
    flags.task === 'embed'
      ? null
      : createBatchLoop(
          {
            queueMax: flags.queueMax,
            limits: { batchTokens: flags.batchTokens, aloneMs: 1000, sharedMs: 200 },
          },
          { ...deps, onEnd: (end) => metrics.observe(end) },
        )
  const embeddings: EmbedLoop | null = flags.task === 'embed' ? createEmbedLoop(flags, deps) : null
  const metrics = createMetrics(
    { name: flags.name, kvTokens: session.sequences * session.contextTokens },
    () => ({ ...nothingYet, ...generations?.state(), ...embeddings?.state() }),
  )
  return {
    metrics,
    serving: {
      name: flags.name,
      contextTokens: session.contextTokens,
      embeddingLength: facts.embeddingLength,
      vocabulary,
      template,
      prompts: createPromptReader(vocabulary, facts, template),
      sampling: readSamplingDefaults(facts.sampling),
      acceptsGrammar: (grammar) => model.acceptsGrammar(grammar),
      generations,
      embeddings,
    },
  }
}

const nothingYet = {
  running: 0,
  waiting: 0,
  kvUsage: 0,
  promptTokens: 0,
  generatedTokens: 0,
  prefixQueryTokens: 0,
  prefixHitTokens: 0,
}

const stepStartedMs = (serving: Serving | null): number | null =>
  (serving?.generations ?? serving?.embeddings)?.state().stepStartedMs ?? null

function takeServing(state: EngineState, serving: Serving | null): Serving {
  if (state.kind === 'failed') throw state.error
  if (state.kind === 'draining') throw new AppError('engine/draining', { message: 'draining' })
  if (state.kind === 'loading' || !serving)
    throw new AppError('engine/loading', { message: 'the model is being loaded', retryAfterS: 2 })
  return serving
}

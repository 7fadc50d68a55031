import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../core/clock.ts'
import { createEngineServer } from '../embedded/http/server.ts'
import { drainServer, listen } from '../embedded/http/listening.ts'
import { readSamplingDefaults } from '../embedded/http/sampling.ts'
import { judgeHealth, type EngineState } from '../embedded/health.ts'
import { createMetrics } from '../embedded/metrics.ts'
import { createChatTemplate } from '../embedded/model/chat-template.ts'
import { createPromptReader } from '../embedded/model/prompt.ts'
import { AppError } from '../../core/errors.ts'
import type { Serving } from '../embedded/http/serving.ts'
import { sidePortOf } from '../pairing.ts'
import type { RunningEngine } from '../run-engine.ts'
import type { SimulatedFlags } from './flags.ts'
import { CacheLost, openHandover } from './handover.ts'
import { createLiveLoop } from './live-loop.ts'
import { type PairPlayer, readPaired } from './paired-request.ts'
import type { StepModel } from './step-model.ts'
import { wordVocabulary } from './words.ts'

/** The HTTP face of the embedded engine, with vLLM's endpoints and metrics, before a model of steps. */
export async function startSimulatedEngine(
  flags: Pick<SimulatedFlags, 'name' | 'host' | 'port' | 'role' | 'behaves'>,
  model: StepModel,
  onUnexpected: (error: AppError) => void,
  address: string = flags.host,
): Promise<RunningEngine> {
  let state: EngineState = { kind: 'ready' }
  let player: PairPlayer | null = null
  const { contextTokens, kvTokens } = model
  const loop = createLiveLoop(model, {
    clock: systemClock,
    later: (afterMs, work) => void setTimeout(work, afterMs),
    onEnd: (end) => metrics.observe(end),
  })
  const metrics = createMetrics({ name: flags.name, kvTokens }, () => loop.state())
  const template = createChatTemplate(null, { bosText: '', eosText: '' })
  const facts = { addsBos: false, embeddingFrame: { before: [], after: [] } }
  const serving = {
    name: flags.name,
    contextTokens,
    embeddingLength: 0,
    vocabulary: wordVocabulary,
    template,
    prompts: createPromptReader(wordVocabulary, facts, template),
    sampling: readSamplingDefaults({}),
    acceptsGrammar: () => true,
    generations: loop,
    embeddings: null,
  }
  const engineServer = createEngineServer({
    health: () => judgeHealth(state, null, systemClock.monotonicMs()),
    settled: Promise.resolve(),
    metrics: () => metrics.read(),
    serving: () => {
      if (state.kind !== 'ready') throw new AppError('engine/draining', { message: 'draining' })
      return serving
    },
    servingOf(common, body): Serving {
      const paired = player && readPaired(flags.behaves, body, player)
      if (!paired) return common
      return {
        ...common,
        generations: {
          submit: (generations) => loop.submitPaired(generations, paired),
          state: () => loop.state(),
        },
        beforeEnd: () => paired.give(),
      }
    },
    onUnexpected(error) {
      if (!(error instanceof CacheLost)) onUnexpected(error)
    },
  })
  const port = await listen(engineServer.server, flags)
  const { role } = flags
  // A port of the system's choice has no neighbour that is kept free: then this one is chosen as well.
  const sidePort = flags.port === 0 ? 0 : sidePortOf(port)
  const handover =
    role === 'prefill' ? await openHandover({ host: flags.host, port: sidePort }, address) : null
  player =
    role === 'both' ? null : { role, handover, transferMs: (tokens) => model.transferMs(tokens) }
  return {
    url: `http://${flags.host}:${port}`,
    loaded: sleep(0, { contextTokens, kvTokens }),
    async drain(limitMs) {
      state = { kind: 'draining' }
      await drainServer(engineServer, limitMs)
      handover?.close()
    },
  }
}

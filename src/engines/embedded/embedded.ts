import { fileURLToPath } from 'node:url'
import type { EngineSettings } from '../../contract/engine-settings.ts'
import { catalogue, type ErrorCode } from '../../core/errors.ts'
import type { Engine, EngineHealth, StartFailure } from '../engine.ts'
import { launchPlan, oneCopy, probeOf } from '../launch-plan.ts'
import { environmentOf, orElse, sharedMemoryOf, unhonoured } from '../settings-said.ts'
import { commonFailures, explainFailure } from '../table/failures.ts'
import { readSignals } from '../table/signals.ts'
import { vllmSignals } from '../vllm/signals.ts'
import { embeddedFlags, serialVariable } from './flags.ts'

const settingNames = [
  'contextTokens',
  'sequencesMax',
  'batchTokens',
  'queueMax',
  'threads',
  'gpu',
  'image',
]

/** GGUF models in a Node process of their own, on node-llama-cpp. See the README beside this file. */
export const embeddedEngine: Engine = {
  name: 'embedded',
  about: 'llama.cpp inside Baleen: GGUF, no installation',
  tasks: ['generate', 'embed'],
  takes: 'file',
  inspection: null,
  metricsPath: '/metrics',
  metricsAt: 'api',
  honours: settingNames,

  launch(spec) {
    const { deployment } = spec
    const { settings } = deployment
    const { env, secrets } = environmentOf(settings)
    const drainMs = orElse(settings.drainTimeoutS, 30) * 1000
    const flags = embeddedFlags.write({
      ...honoured(settings),
      model: spec.modelPath,
      name: deployment.route ?? deployment.name,
      task: deployment.task,
      host: spec.host,
      port: spec.port,
      drainMs,
    })
    return launchPlan({
      // `node`: the runtime puts its own Node there, so that the plan is the same on every machine.
      argv: ['node', fileURLToPath(new URL('process.ts', import.meta.url)), ...flags],
      env: { ...env, [serialVariable]: '1' },
      secrets,
      image: orElse(settings.image, null),
      ports: [{ name: 'http', port: spec.port }],
      probes: {
        startup: { ...probe, loadTimeoutMs: orElse(settings.loadTimeoutS, 600) * 1000 },
        readiness: probe,
        liveness: probe,
      },
      // The engine cuts streams off at its own limit; the rest is for saying so and ending.
      drain: { preStopMs: 0, signal: 'SIGTERM', graceMs: drainMs + 2000 },
      devices: oneCopy(settings.gpu === 'off' ? 0 : 'any'),
      mounts: [{ path: spec.modelPath, kind: 'model' }],
      sharedMemoryBytes: sharedMemoryOf(settings),
      warnings: unhonoured('embedded', settings, settingNames, {
        sequencesMax: 'llama.cpp takes 256 at most',
        weightPrecision: 'the GGUF file decides it; `baleen model pull …:Q8_0` picks another',
      }),
    })
  },

  readHealth(status, body): EngineHealth {
    const { state, reason } = readBody(body)
    if (status === 200) return { state: 'ready', reason: 'ready' }
    if (status === 503 && state === 'loading')
      return { state: 'loading', reason: reason ?? 'loading the model' }
    return { state: 'failed', reason: reason ?? `the health check answered ${status}` }
  },

  // It speaks vLLM's names.
  parseMetrics: (text) => readSignals(signals, text),

  explainFailure: (end) => readLastWords(end.logTail) ?? explainFailure(commonFailures, end),
}

/** The last line on stderr: `engine/bad-model: why. What to do.` */
function readLastWords(log: string): StartFailure | null {
  const [, code, words] = lastWords.exec(log) ?? []
  if (code === undefined || words === undefined || !(code in catalogue)) return null
  const { hint } = catalogue[code as ErrorCode]
  const at = words.endsWith(hint) ? words.length - hint.length - 2 : words.lastIndexOf('. ')
  const message = at < 0 ? words : words.slice(0, at)
  return { code: code as ErrorCode, message, mend: words.slice(message.length + 2) || null }
}

const lastWords = /^((?:engine|machine|cli)\/[\w-]+): ([^\n]+)$/m

const signals = vllmSignals()
const probe = probeOf('/health', { periodMs: 1000 })

const honoured = (settings: EngineSettings) => ({
  contextTokens: settings.contextTokens,
  sequencesMax: Math.min(orElse(settings.sequencesMax, 8), 256),
  batchTokens: orElse(settings.batchTokens, 512),
  queueMax: orElse(settings.queueMax, 256),
  threads: settings.threads,
  gpu: settings.gpu,
})

function readBody(body: string): { state?: string; reason?: string } {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

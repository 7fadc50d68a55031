import { fileURLToPath } from 'node:url'
import type { Engine, EngineHealth, EngineSignals } from '../engine.ts'
import { serialVariable, writeFlags } from './flags.ts'
import { parsePrometheus } from './prometheus-text.ts'

const drainMs = 30_000

/** GGUF models in a Node process of their own, on node-llama-cpp. See the README beside this file. */
export const embeddedEngine: Engine = {
  name: 'embedded',
  tasks: ['generate', 'embed'],
  metricsPath: '/metrics',

  launch(spec) {
    const { deployment } = spec
    const flags = writeFlags({
      ...deployment.settings,
      model: spec.modelPath,
      name: deployment.route ?? deployment.name,
      task: deployment.task,
      host: spec.host,
      port: spec.port,
      drainMs,
    })
    return {
      // `node`: the runtime puts its own Node there, so that the plan is the same on every machine.
      argv: ['node', fileURLToPath(new URL('process.ts', import.meta.url)), ...flags],
      env: { [serialVariable]: '1' },
      image: null,
      probe: { path: '/health', loadTimeoutMs: 600_000 },
      // The engine cuts streams off at its own limit; the rest is for saying so and ending.
      drainMs: drainMs + 2000,
      warnings: [],
    }
  },

  readHealth(status, body): EngineHealth {
    const { state, reason } = readBody(body)
    if (status === 200) return { state: 'ready', reason: 'ready' }
    if (status === 503 && state === 'loading')
      return { state: 'loading', reason: reason ?? 'loading the model' }
    return { state: 'failed', reason: reason ?? `the health check answered ${status}` }
  },

  parseMetrics(text): EngineSignals {
    const read = parsePrometheus(text)
    return {
      running: read('vllm:num_requests_running'),
      waiting: read('vllm:num_requests_waiting'),
      kvUsage: read('vllm:kv_cache_usage_perc'),
      promptTokensTotal: read('vllm:prompt_tokens_total'),
      generationTokensTotal: read('vllm:generation_tokens_total'),
      prefixHitTokensTotal: read('vllm:prefix_cache_hits_total'),
      prefixQueryTokensTotal: read('vllm:prefix_cache_queries_total'),
    }
  },
}

function readBody(body: string): { state?: string; reason?: string } {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

import type { Said } from '../table/flat-settings.ts'
import {
  cant,
  type Cant,
  custom,
  flag,
  type Rule,
  type RuleContext,
  since,
  toggle,
  until,
  variable,
} from '../table/rule.ts'
import { isAtLeast } from '../table/version.ts'
import { orElse } from '../settings-said.ts'
import { isOnCpu, writeThreads } from './on-cpu.ts'

/**
 * Settings in vLLM's words, shared by all that run vLLM inside. Flags: vllm/engine/arg_utils.py of 0.26; gates: release
 * notes and KServe's configuration templates.
 */
export const vllmRules: readonly Rule[] = [
  flag('contextTokens', '--max-model-len'),
  flag('sequencesMax', '--max-num-seqs'),
  // It refuses to start where a step could not hold a token of every sequence.
  flag('batchTokens', '--max-num-batched-tokens', (tokens, { settings }) =>
    Math.max(tokens, orElse(settings.sequencesMax, 0)),
  ),
  // Seen in 0.32; what is installed tells by itself.
  since('0.32.0', flag('queueMax', '--max-num-queued-reqs', countInFlight)),
  custom('threads', [], writeThreads),
  custom('gpu', [], () => ({})),
  flag('memoryShare', '--gpu-memory-utilization'),
  custom('weightPrecision', ['--dtype', '--quantization'], writeWeights),
  flag('kvPrecision', '--kv-cache-dtype', spellKv),
  flag('tensorParallel', '--tensor-parallel-size'),
  flag('pipelineParallel', '--pipeline-parallel-size'),
  flag('dataParallel', '--data-parallel-size'),
  custom('expertParallel', ['--enable-expert-parallel'], writeExperts),
  toggle('prefixCaching', '--enable-prefix-caching', '--no-enable-prefix-caching'),
  toggle('chunkedPrefill', '--enable-chunked-prefill', '--no-enable-chunked-prefill'),
  since('0.13.0', flag('attentionBackend', '--attention-backend')),
  until('0.13.0', variable('attentionBackend', 'VLLM_ATTENTION_BACKEND')),
  since(
    '0.12.0',
    custom('compileLevel', ['--optimization-level', '--enforce-eager'], (level) => ({
      argv: level === 0 ? ['--enforce-eager'] : ['--optimization-level', String(level)],
    })),
  ),
  until(
    '0.12.0',
    custom('compileLevel', ['--compilation-config', '--enforce-eager'], (level) => ({
      argv: level === 0 ? ['--enforce-eager'] : ['--compilation-config', String(level)],
    })),
  ),
  since('0.11.1', flag('graphSequencesMax', '--max-cudagraph-capture-size')),
  until('0.11.1', flag('graphSequencesMax', '--cuda-graph-sizes')),
  custom('speculation', ['--speculative-config'], writeSpeculation),
  custom('lora.adapters', ['--enable-lora', '--lora-modules'], (adapters, { settings }) =>
    // One that runs is told of them, so that others need no new process.
    settings.lora.dynamic === 'on'
      ? {}
      : {
          argv: [
            '--enable-lora',
            '--lora-modules',
            ...adapters.map(({ name, path }) => `${name}=${path}`),
          ],
        },
  ),
  flag('lora.loadedMax', '--max-loras'),
  flag('lora.rankMax', '--max-lora-rank', (rank) => loraRanks.find((one) => one >= rank) ?? 512),
  custom('lora.dynamic', ['--enable-lora'], (value) =>
    value === 'off'
      ? {}
      : { argv: ['--enable-lora'], env: { VLLM_ALLOW_RUNTIME_LORA_UPDATING: 'True' } },
  ),
  flag('offload.weightsGiB', '--cpu-offload-gb'),
  since('0.12.0', flag('offload.kvGiB', '--kv-offloading-size')),
  since('0.10.0', custom('role', ['--kv-transfer-config'], writeRole)),
  custom('kvTransfer', [], (_, { settings }) =>
    settings.role === 'both' ? cant('only with role: prefill or decode') : {},
  ),
  custom('sleepMode', ['--enable-sleep-mode'], (value, context) => {
    if (value === 'off') return {}
    if (isOnCpu(context)) return cant('vLLM does not sleep on a CPU')
    return { argv: ['--enable-sleep-mode'], env: { VLLM_SERVER_DEV_MODE: '1' } }
  }),
  custom('toolParser', ['--tool-call-parser'], (parser) => ({
    argv: ['--enable-auto-tool-choice', '--tool-call-parser', parser],
  })),
  flag('reasoningParser', '--reasoning-parser'),
  flag('loadFormat', '--load-format'),
  flag('trustRemoteCode', '--trust-remote-code', () => true),
]

/** It bounds those that wait and those that run together, over all ranks. */
function countInFlight(waiting: number, { settings }: RuleContext): number | Cant {
  const running = orElse(settings.sequencesMax, null)
  return running === null
    ? cant('vLLM bounds what waits and runs together: set sequencesMax, too')
    : waiting + running * orElse(settings.dataParallel, 1)
}

const loraRanks = [1, 8, 16, 32, 64, 128, 256, 320, 512]

function writeWeights(precision: Said<'weightPrecision'>, { version }: RuleContext) {
  const dtype = { bf16: 'bfloat16', fp16: 'float16', fp32: 'float32' }[precision as string]
  if (dtype) return { argv: ['--dtype', dtype] }
  if (precision === 'fp8') return { argv: ['--quantization', 'fp8'] }
  const online = { int8: 'int8_per_channel_weight_only', nvfp4: 'nvfp4_per_token' }[
    precision as string
  ]
  if (online && isAtLeast(version, '0.26.0')) return { argv: ['--quantization', online] }
  return cant(
    `vLLM ${version} does not make ${precision} of a checkpoint: name one that is quantised (AWQ, GPTQ, …)`,
  )
}

function spellKv(precision: Said<'kvPrecision'>, { version }: RuleContext): string | Cant {
  switch (precision) {
    // What the model computes in.
    case 'bf16':
    case 'fp16':
      return 'auto'
    case 'fp8':
      return 'fp8'
    case 'nvfp4':
    case 'int8':
    case 'int4':
      if (!isAtLeast(version, '0.26.0')) return cant(`needs vllm 0.26.0, and this is ${version}`)
      return precision === 'nvfp4' ? 'nvfp4' : `${precision}_per_token_head`
  }
}

function writeExperts(ranks: number, { settings }: RuleContext) {
  if (ranks === 1) return {}
  const all = orElse(settings.tensorParallel, 1) * orElse(settings.dataParallel, 1)
  return {
    argv: ['--enable-expert-parallel'],
    ...(ranks === all
      ? {}
      : { note: `experts are spread over all ${all} ranks of tensor and data parallelism` }),
  }
}

const methods: Readonly<Record<string, string>> = { draft: 'draft_model' }

function writeSpeculation(speculation: Said<'speculation'>) {
  if (speculation === 'off') return {}
  const { method, model, tokens } = speculation
  if (model === undefined && ['draft', 'medusa', 'eagle', 'eagle3'].includes(method))
    return cant(`the method ${method} needs speculation.model`)
  const config = {
    method: methods[method] ?? method,
    ...(model === undefined ? {} : { model }),
    num_speculative_tokens: orElse(tokens, 3),
    ...(method === 'ngram' ? { prompt_lookup_max: 4 } : {}),
  }
  return { argv: ['--speculative-config', JSON.stringify(config)] }
}

const connectors: Readonly<Record<string, string>> = {
  nixl: 'NixlConnector',
  mooncake: 'MooncakeConnector',
  lmcache: 'LMCacheConnectorV1',
}

function writeRole(role: Said<'role'>, { settings }: RuleContext) {
  const transfer = orElse(settings.kvTransfer, 'nixl')
  const connector = connectors[transfer]
  if (!connector)
    return cant(`kvTransfer ${transfer}: vLLM has ${Object.keys(connectors).join(', ')}`)
  // NIXL asks for it: either side may send.
  const isBoth = transfer === 'nixl' || role === 'both'
  const config = {
    kv_connector: connector,
    kv_role: isBoth ? 'kv_both' : role === 'prefill' ? 'kv_producer' : 'kv_consumer',
  }
  return { argv: ['--kv-transfer-config', JSON.stringify(config)] }
}

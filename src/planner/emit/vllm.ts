import type { Vendor } from '../accelerator.ts'
import { burdenFlags, burdenNotes } from './burden-flags.ts'
import {
  anyHost,
  checkpointNote,
  type Command,
  draftNote,
  type Emission,
  portOf,
} from './emission.ts'

/** Flags of `vllm serve` as of 0.32. */
export function vllmCommand(emission: Emission): Command {
  const { settings, source, model, device } = emission
  const port = portOf(emission, 8000)
  const isOnlineFp8 = settings.weights === 'fp8' && model.nativePrecision === 'bf16'
  return {
    argv: [
      'vllm',
      'serve',
      source,
      '--served-model-name',
      model.name,
      '--host',
      anyHost,
      '--port',
      String(port),
      '--tensor-parallel-size',
      String(settings.tensorParallel),
      ...optional(
        settings.pipelineParallel > 1,
        '--pipeline-parallel-size',
        settings.pipelineParallel,
      ),
      ...optional(settings.dataParallel > 1, '--data-parallel-size', settings.dataParallel),
      ...(settings.expertParallel > 1 ? ['--enable-expert-parallel'] : []),
      '--max-model-len',
      String(settings.contextMax),
      '--max-num-seqs',
      String(settings.maxSequences),
      '--max-num-batched-tokens',
      String(Math.max(settings.batchedTokens, settings.maxSequences)),
      '--gpu-memory-utilization',
      String(settings.memoryShare),
      ...(isOnlineFp8 ? ['--quantization', 'fp8'] : []),
      ...(settings.kvPrecision === 'fp8' ? ['--kv-cache-dtype', 'fp8'] : []),
      ...(emission.model.kind === 'encoder' ? ['--runner', 'pooling'] : []),
      ...(settings.prefixCaching ? [] : ['--no-enable-prefix-caching']),
      ...(settings.chunkedPrefill ? [] : ['--no-enable-chunked-prefill']),
      ...vllmDrafts(emission),
      ...(emission.role === undefined ? [] : ['--kv-transfer-config', JSON.stringify(transfer)]),
      ...burdenFlags('vllm', emission),
    ],
    image: `vllm/vllm-openai${images[device.vendor] ?? ''}:v0.32.0`,
    port,
    notes: [
      ...(isOnlineFp8 ? [] : checkpointNote(emission)),
      ...draftNote(emission),
      ...burdenNotes(emission),
    ],
    files: {},
    ...(emission.role === undefined
      ? {}
      : {
          channel: {
            hostVariable: 'VLLM_NIXL_SIDE_CHANNEL_HOST',
            portVariable: 'VLLM_NIXL_SIDE_CHANNEL_PORT',
            port: portOf(emission, 5600),
          },
        }),
  }
}

const images: Readonly<Partial<Record<Vendor, string>>> = { amd: '-rocm', cpu: '-cpu' }

function vllmDrafts(emission: Emission): string[] {
  const config = vllmSpeculativeConfig(emission)
  return config ? ['--speculative-config', JSON.stringify(config)] : []
}

/** vLLM's `speculative_config`; null where nothing is drafted. */
export function vllmSpeculativeConfig({ settings }: Emission) {
  const { speculative } = settings
  if (speculative === 'off') return null
  const { method, model, tokens } = speculative
  const name = { eagle: 'eagle3', draft: 'draft_model', lookahead: 'ngram' } as const
  return {
    method: method in name ? name[method as keyof typeof name] : method,
    ...(model === null ? {} : { model }),
    num_speculative_tokens: tokens,
  }
}

/** Caches go over NIXL; which side an instance is on is the router's business. */
const transfer = { kv_connector: 'NixlConnector', kv_role: 'kv_both' }

export const optional = (isOn: boolean, flag: string, value: number): string[] =>
  isOn ? [flag, String(value)] : []

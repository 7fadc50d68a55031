import { burdenFlags, burdenNotes } from './burden-flags.ts'
import {
  anyHost,
  checkpointNote,
  type Command,
  draftNote,
  type Emission,
  portOf,
} from './emission.ts'
import type { Settings } from '../search/settings.ts'
import { optional } from './vllm.ts'

const algorithms = { eagle: 'EAGLE3', mtp: 'NEXTN', ngram: 'NGRAM', draft: 'STANDALONE' } as const

function drafts({ speculative }: Settings): string[] {
  if (speculative === 'off' || !(speculative.method in algorithms)) return []
  const { method, model, tokens, width, verified } = speculative
  return [
    '--speculative-algorithm',
    algorithms[method as keyof typeof algorithms],
    ...(model === null ? [] : ['--speculative-draft-model-path', model]),
    // N-grams are looked up: there are no steps of a draft.
    ...(method === 'ngram'
      ? []
      : ['--speculative-num-steps', String(tokens), '--speculative-eagle-topk', String(width)]),
    '--speculative-num-draft-tokens',
    String(verified),
  ]
}

/** Flags of SGLang 0.5: data parallelism shares the tensor ranks there, so that `--tp-size` counts both. */
export function sglangCommand(emission: Emission): Command {
  const { settings, source, model, device } = emission
  const port = portOf(emission, 30_000)
  const isOnlineFp8 = settings.weights === 'fp8' && model.nativePrecision === 'bf16'
  return {
    argv: [
      'python',
      '-m',
      'sglang.launch_server',
      '--model-path',
      source,
      '--served-model-name',
      model.name,
      '--host',
      anyHost,
      '--port',
      String(port),
      '--tp-size',
      String(settings.tensorParallel * settings.dataParallel),
      ...optional(settings.pipelineParallel > 1, '--pp-size', settings.pipelineParallel),
      ...(settings.dataParallel > 1
        ? ['--dp-size', String(settings.dataParallel), '--enable-dp-attention']
        : []),
      ...optional(settings.expertParallel > 1, '--ep-size', settings.expertParallel),
      '--context-length',
      String(settings.contextMax),
      '--max-running-requests',
      String(settings.maxSequences * settings.dataParallel),
      '--chunked-prefill-size',
      String(settings.chunkedPrefill ? settings.batchedTokens : -1),
      '--mem-fraction-static',
      String(settings.memoryShare),
      ...(isOnlineFp8 ? ['--quantization', 'fp8'] : []),
      ...(settings.kvPrecision === 'fp8' ? ['--kv-cache-dtype', 'fp8_e4m3'] : []),
      ...(model.kind === 'encoder' ? ['--is-embedding'] : []),
      ...(settings.prefixCaching ? [] : ['--disable-radix-cache']),
      ...drafts(settings),
      ...(emission.role === undefined
        ? []
        : ['--disaggregation-mode', emission.role, '--disaggregation-transfer-backend', 'nixl']),
      ...burdenFlags('sglang', emission),
      '--enable-metrics',
    ],
    image: `lmsysorg/sglang:v0.5.20${device.vendor === 'amd' ? '-rocm700-mi30x' : ''}`,
    port,
    notes: [
      ...(isOnlineFp8 ? [] : checkpointNote(emission)),
      ...draftNote(emission),
      ...burdenNotes(emission),
    ],
    files: {},
  }
}

import { stringify } from 'yaml'
import { burdenNotes, trtllmOptions } from './burden-flags.ts'
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

const decoding = { eagle: 'Eagle3', mtp: 'MTP', ngram: 'NGram', draft: 'Draft_Target' } as const

function drafts({ speculative }: Settings) {
  if (speculative === 'off' || !(speculative.method in decoding)) return {}
  const { method, model, tokens } = speculative
  return {
    speculative_config: {
      decoding_type: decoding[method as keyof typeof decoding],
      ...(method === 'mtp' ? { num_nextn_predict_layers: tokens } : { max_draft_len: tokens }),
      ...(model === null ? {} : { speculative_model_dir: model }),
    },
  }
}

/**
 * Flags and options file of `trtllm-serve` 1.3. What the file says of `kv_cache_config` takes the place of all of it, the
 * flag for its memory included: so that stands in the file.
 */
export function trtllmCommand(emission: Emission): Command {
  const { settings, source, role } = emission
  const port = portOf(emission, 8000)
  const file = role === undefined ? 'trtllm.yaml' : `trtllm-${role}.yaml`
  const options = {
    kv_cache_config: {
      free_gpu_memory_fraction: settings.memoryShare,
      dtype: settings.kvPrecision === 'fp8' ? 'fp8' : 'auto',
      enable_block_reuse: settings.prefixCaching,
    },
    ...(settings.dataParallel > 1 ? { enable_attention_dp: true } : {}),
    ...drafts(settings),
    ...(role === undefined ? {} : { cache_transceiver_config: { backend: 'DEFAULT' } }),
    ...trtllmOptions(emission),
    return_perf_metrics: true,
  }
  return {
    argv: [
      'trtllm-serve',
      source,
      '--host',
      anyHost,
      '--port',
      String(port),
      '--tp_size',
      String(settings.tensorParallel * settings.dataParallel),
      ...optional(settings.pipelineParallel > 1, '--pp_size', settings.pipelineParallel),
      ...optional(settings.expertParallel > 1, '--ep_size', settings.expertParallel),
      '--max_batch_size',
      String(settings.maxSequences),
      '--max_num_tokens',
      String(Math.max(settings.batchedTokens, settings.maxSequences)),
      '--max_seq_len',
      String(settings.contextMax),
      ...(settings.chunkedPrefill ? ['--enable_chunked_prefill'] : []),
      '--config',
      file,
    ],
    image: 'nvcr.io/nvidia/tensorrt-llm/release:1.3.0rc23',
    port,
    notes: [...checkpointNote(emission), ...draftNote(emission), ...burdenNotes(emission)],
    files: { [file]: stringify(options) },
  }
}

import { stringify } from 'yaml'
import { burdenNotes, vllmArguments } from './burden-flags.ts'
import { checkpointNote, type Emission } from './emission.ts'
import { vllmSpeculativeConfig } from './vllm.ts'

/** A Ray Serve LLM application: the same for `serve deploy` and a RayService. It runs vLLM. */
export function rayConfig(emission: Emission): string {
  const { settings, model, source, device } = emission
  const drafts = vllmSpeculativeConfig(emission)
  const config = {
    applications: [
      {
        name: 'llm',
        route_prefix: '/',
        import_path: 'ray.serve.llm:build_openai_app',
        args: {
          llm_configs: [
            {
              model_loading_config: { model_id: model.name, model_source: source },
              accelerator_type: rayAccelerator(device.name),
              deployment_config: { num_replicas: settings.replicas },
              engine_kwargs: {
                tensor_parallel_size: settings.tensorParallel,
                pipeline_parallel_size: settings.pipelineParallel,
                ...(settings.dataParallel > 1 ? { data_parallel_size: settings.dataParallel } : {}),
                ...(settings.expertParallel > 1 ? { enable_expert_parallel: true } : {}),
                max_model_len: settings.contextMax,
                max_num_seqs: settings.maxSequences,
                max_num_batched_tokens: Math.max(settings.batchedTokens, settings.maxSequences),
                gpu_memory_utilization: settings.memoryShare,
                enable_prefix_caching: settings.prefixCaching,
                enable_chunked_prefill: settings.chunkedPrefill,
                kv_cache_dtype: settings.kvPrecision === 'fp8' ? 'fp8' : 'auto',
                ...(drafts ? { speculative_config: drafts } : {}),
                ...vllmArguments(emission),
              },
            },
          ],
        },
      },
    ],
  }
  const notes = [...checkpointNote(emission), ...burdenNotes(emission)].map((note) => `# ${note}\n`)
  return notes.join('') + stringify(config)
}

/** "H100-SXM-80GB" → "H100": Ray names types without form and size. */
const rayAccelerator = (name: string): string => name.split(/[\s-]/)[0] ?? name

import type { RuleContext, Written } from '../table/rule.ts'

/** Nobody gives it a GPU: what runs there is a build for processors. */
export const isOnCpu = ({ settings, spec }: RuleContext): boolean =>
  settings.gpu === 'off' || spec.vendor === 'cpu'

/**
 * On a CPU `--gpu-memory-utilization` is a share of the host's memory, of which vLLM would take nearly all for KV. GiB,
 * as much as it took before it counted like that; a share that somebody asks for wins.
 */
export const cacheOnCpu = (context: RuleContext): Readonly<Record<string, string>> =>
  isOnCpu(context) && context.settings.memoryShare === 'auto' ? { VLLM_CPU_KVCACHE_SPACE: '4' } : {}

/** There it takes a thread for each core, and binds it, whatever OpenMP is told. */
export const writeThreads = (threads: number, context: RuleContext): Written => ({
  env: {
    OMP_NUM_THREADS: String(threads),
    ...(isOnCpu(context) ? { VLLM_CPU_OMP_THREADS_BIND: 'nobind' } : {}),
  },
})

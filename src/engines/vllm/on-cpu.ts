import type { RuleContext, Written } from '../table/rule.ts'

/** Nobody gives it a GPU: what runs there is a build for processors. */
export const isOnCpu = ({ settings, spec }: RuleContext): boolean =>
  settings.gpu === 'off' || spec.vendor === 'cpu'

/**
 * On a CPU `--gpu-memory-utilization` is a share of the host's memory, of which vLLM would take nearly all for KV. GiB,
 * as much as it took before it counted like that; a share that somebody asks for wins.
 */
const cacheGiB = '4'

/** A build for processors on a machine with a GPU would look at that first. */
export const environmentOnCpu = (context: RuleContext): Readonly<Record<string, string>> =>
  isOnCpu(context)
    ? {
        VLLM_TARGET_DEVICE: 'cpu',
        ...(context.settings.memoryShare === 'auto' ? { VLLM_CPU_KVCACHE_SPACE: cacheGiB } : {}),
      }
    : {}

/** There it takes a thread for each core, and binds it, whatever OpenMP is told. */
export const writeThreads = (threads: number, context: RuleContext): Written => ({
  env: {
    OMP_NUM_THREADS: String(threads),
    ...(isOnCpu(context) ? { VLLM_CPU_OMP_THREADS_BIND: 'nobind' } : {}),
  },
})

import { z } from 'zod'
import { engineSettings } from '../../contract/engine-settings.ts'
import { hardwareDemand } from '../../contract/placement.ts'
import { defineFlags } from '../process-flags.ts'

const { shape } = engineSettings

/** What one simulated engine is told on its command line. */
export const simulatedFlags = defineFlags(
  z.strictObject({
    /** A name of the planner's catalogue, or one like it. */
    model: z.string().min(1),
    hardware: hardwareDemand,
    /** Whose scheduler and kernels: `vllm`, `sglang`, … */
    behaves: z.string().min(1),
    version: z.string().min(1),
    contextTokens: shape.contextTokens,
    sequencesMax: shape.sequencesMax,
    batchTokens: shape.batchTokens,
    queueMax: shape.queueMax,
    memoryShare: shape.memoryShare,
    weightPrecision: shape.weightPrecision,
    kvPrecision: shape.kvPrecision,
    tensorParallel: shape.tensorParallel,
    pipelineParallel: shape.pipelineParallel,
    dataParallel: shape.dataParallel,
    expertParallel: shape.expertParallel,
    prefixCaching: shape.prefixCaching,
    chunkedPrefill: shape.chunkedPrefill,
    role: shape.role,
    /** What `/v1/models` and the metrics call it. */
    name: z.string().min(1),
    host: z.string().min(1),
    port: z.int().min(0).max(65_535),
    drainMs: z.int().min(0),
  }),
)
export type SimulatedFlags = ReturnType<typeof simulatedFlags.read>

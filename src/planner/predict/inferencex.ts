import type { CommandColumns } from './launch-command.ts'

/** What a row has to say for itself: the columns that name a run. */
export type Cells = Readonly<Record<string, string | undefined>>

interface Run {
  readonly engine: string
  readonly version: string
  readonly gpu: string
  readonly isFp8: boolean
  readonly isFp4: boolean
  readonly isl: number
  readonly osl: number
  readonly concurrency: number
  readonly tp: number
  /** Ranks with requests of their own. */
  readonly dp: number
  readonly tokensPerStep: number
}

interface Recipe {
  readonly engine: string
  readonly model: RegExp
  readonly gpu: RegExp
  readonly precision?: RegExp
  readonly command: (run: Run) => CommandColumns
}

/**
 * How InferenceX's scripts start an engine (github.com/SemiAnalysisAI/InferenceX, benchmarks/single_node, October 2025 to April
 * 2026): its tables don't say, and the first token depends on it more than on the machine. Columns of a row that are filled win.
 * Null: another source, or a model that InferenceX did not run.
 */
export function inferencexLaunch(cells: Cells): CommandColumns | null {
  const { source = '', model = '', gpu = '', precision = '' } = cells
  if (!/InferenceX/.test(source) || /experimental/.test(source)) return null
  const run: Run = {
    engine: (cells.engine ?? '').toLowerCase(),
    version: cells.version ?? '',
    gpu,
    isFp8: precision.startsWith('fp8'),
    isFp4: precision.startsWith('fp4'),
    isl: Number(cells.isl),
    osl: Number(cells.osl),
    concurrency: Number(cells.concurrency_or_batch),
    tp: Number(cells.tp),
    dp: Number(cells.dp || 1),
    tokensPerStep: tokensPerStep(cells.speculative ?? ''),
  }
  const recipe = recipes.find(
    (one) =>
      one.engine === run.engine &&
      one.model.test(model) &&
      one.gpu.test(gpu) &&
      (one.precision?.test(precision) ?? true),
  )
  if (!recipe || !(run.concurrency > 0 && run.isl > 0)) return null
  return { ...drawnLengths, ...recipe.command(run) }
}

/** Both lengths are drawn evenly from 0.8 of what a row names to all of it (`RANDOM_RANGE_RATIO`). */
const drawnLengths: CommandColumns = { length_share: '0.9' }

const deepSeek = /DeepSeek-(R1|V3)$/i
const qwen35 = /Qwen3\.5-397B/i
const glm5 = /GLM-5$/i
const gptOss = /gpt-oss/i
const llama70b = /Llama-3\.1-70B/i
const blackwell = /^g?b[23]00/i
const hopper = /^h[12]00/i

/** The scheduler looks for new requests every so many steps, more rarely under load. */
const rarely = ({ concurrency }: Run): string => (concurrency >= 16 ? '30' : '10')

/** TensorRT-LLM is given room for one prompt beside all that decode. */
const onePrompt = ({ concurrency, isl, version }: Run): string =>
  String(
    Math.max(
      /^1\.1\.|^$/.test(version) ? 0 : 8192,
      Math.floor((concurrency + isl + 127) / 64) * 64,
    ),
  )

/** Prompts are held back so many steps, until a step is full of them: as if the engine looked for them that rarely. */
const heldBack = (steps: number, run: Run, isSo: boolean): CommandColumns =>
  isSo && run.isl === 1024 && run.osl === 1024 ? { recv_interval: String(steps) } : {}

/**
 * Where attention is data-parallel TensorRT-LLM is told to keep its ranks in balance: prompts wait until every rank has one, and
 * every so many steps at the latest it takes those that came, whether they had waited or not (`attention_dp_config`).
 */
function balanced(longest: number, run: Run): CommandColumns {
  if (!(run.dp > 1)) return {}
  const requestsPerStep = (run.concurrency * run.tokensPerStep) / run.osl
  const steps = Math.min(longest, run.dp / requestsPerStep)
  return { recv_interval: String(Math.max(1, Math.round(steps))) }
}

function tokensPerStep(speculative: string): number {
  const [, tokens, acceptance] = /tokens=(\d+),acceptance=([\d.]+)/.exec(speculative) ?? []
  if (tokens === undefined) return 1
  return Array.from({ length: Number(tokens) + 1 }, (_, at) => Number(acceptance) ** at).reduce(
    (sum, share) => sum + share,
  )
}

const recipes: readonly Recipe[] = [
  {
    engine: 'sglang',
    model: deepSeek,
    gpu: blackwell,
    precision: /^fp4/,
    command: (run) => ({
      max_num_batched_tokens: '16384',
      max_num_seqs: '256',
      gpu_memory_utilization: '0.85',
      kv_dtype: 'fp8',
      recv_interval: rarely(run),
    }),
  },
  {
    engine: 'sglang',
    model: deepSeek,
    gpu: blackwell,
    precision: /^fp8/,
    command: (run) =>
      run.tp === 4
        ? {
            max_num_batched_tokens: '8192',
            max_num_seqs: '32',
            gpu_memory_utilization: '0.95',
            kv_dtype: 'fp8',
            recv_interval: '10',
          }
        : {
            max_num_batched_tokens: '32768',
            max_num_seqs: run.concurrency > 128 ? '512' : '128',
            gpu_memory_utilization: '0.82',
            kv_dtype: 'fp8',
            recv_interval: rarely(run),
          },
  },
  {
    engine: 'sglang',
    model: deepSeek,
    gpu: hopper,
    command: () => ({
      max_num_batched_tokens: '32768',
      max_num_seqs: '512',
      gpu_memory_utilization: '0.82',
    }),
  },
  {
    engine: 'sglang',
    model: qwen35,
    gpu: /^b/i,
    command: (run) => ({
      max_num_batched_tokens: '32768',
      max_num_seqs: '128',
      gpu_memory_utilization: '0.82',
      ...(run.isFp8 || run.isFp4 ? { kv_dtype: 'fp8' } : {}),
      recv_interval: rarely(run),
      ...(run.version.startsWith('0.5.10') || run.tokensPerStep > 1
        ? { max_num_seqs: String(run.concurrency) }
        : {}),
    }),
  },
  {
    engine: 'sglang',
    model: qwen35,
    gpu: hopper,
    command: () => ({
      max_num_batched_tokens: '16384',
      max_num_seqs: '128',
      gpu_memory_utilization: '0.8',
      kv_dtype: 'fp8',
    }),
  },
  {
    engine: 'sglang',
    model: glm5,
    gpu: blackwell,
    command: (run) => ({
      max_num_batched_tokens: '32768',
      max_num_seqs: String(run.concurrency),
      gpu_memory_utilization: run.isFp4 ? '0.9' : '0.85',
      kv_dtype: 'fp8',
      ...(run.isFp4 ? { recv_interval: '10' } : {}),
    }),
  },
  {
    engine: 'sglang',
    model: glm5,
    gpu: hopper,
    command: () => ({ gpu_memory_utilization: '0.85' }),
  },
  {
    engine: 'trtllm',
    model: deepSeek,
    gpu: /^(h200|b200)/i,
    command: (run) => ({
      max_num_batched_tokens: onePrompt(run),
      gpu_memory_utilization: /^h/i.test(run.gpu) ? '0.75' : '0.8',
      kv_dtype: 'fp8',
      ...heldBack(40, run, run.isFp8 && run.version === '1.2.0rc6.post2' && run.concurrency >= 64),
      ...(run.isFp8 && /^b/i.test(run.gpu) && /^(1\.1\.|$)/.test(run.version)
        ? { expert_kernels: 'deepgemm' }
        : {}),
      ...balanced(60, run),
    }),
  },
  {
    engine: 'trtllm',
    model: gptOss,
    gpu: /^b200/i,
    command: (run) => ({
      max_num_batched_tokens: '20000',
      gpu_memory_utilization: '0.85',
      kv_dtype: 'fp8',
      ...balanced(50, run),
    }),
  },
  {
    engine: 'trtllm',
    model: gptOss,
    gpu: hopper,
    command: () => ({
      max_num_batched_tokens: '20000',
      gpu_memory_utilization: '0.85',
      kv_dtype: 'bf16',
    }),
  },
  {
    engine: 'trtllm',
    model: llama70b,
    gpu: hopper,
    command: (run) => ({
      max_num_batched_tokens: '16384',
      kv_dtype: 'fp8',
      ...heldBack(40, run, run.tp < 8),
    }),
  },
  {
    engine: 'vllm',
    model: gptOss,
    gpu: /^b200/i,
    command: ({ version }) => ({
      max_num_batched_tokens: '8192',
      max_num_seqs: '512',
      kv_dtype: version === '' ? 'bf16' : 'fp8',
    }),
  },
  {
    engine: 'vllm',
    model: gptOss,
    gpu: hopper,
    command: ({ concurrency, version }) => ({
      max_num_batched_tokens: '8192',
      max_num_seqs: String(concurrency),
      ...(/^(0\.1[012]\.|$)/.test(version) ? {} : { expert_kernels: 'marlin' }),
    }),
  },
  {
    engine: 'vllm',
    model: llama70b,
    gpu: hopper,
    command: ({ concurrency }) => ({
      max_num_batched_tokens: '8192',
      max_num_seqs: String(concurrency),
      kv_dtype: 'fp8',
    }),
  },
  {
    engine: 'vllm',
    model: /MiniMax-M2\.5/i,
    gpu: /^b/i,
    command: ({ isl, version, tp }) =>
      version.startsWith('0.17')
        ? { gpu_memory_utilization: '0.95', expert_kernels: 'triton', ep: String(tp) }
        : { max_num_batched_tokens: String(2 * isl), kv_dtype: 'fp8' },
  },
  {
    engine: 'vllm',
    model: /MiniMax-M2\.5/i,
    gpu: /^h100/i,
    command: () => ({ max_num_seqs: '256' }),
  },
  {
    engine: 'vllm',
    model: /MiniMax-M2\.5/i,
    gpu: /^h200/i,
    command: ({ version, tp }) => ({
      gpu_memory_utilization: '0.95',
      ...(version.startsWith('0.16') ? {} : { ep: String(tp) }),
    }),
  },
  {
    engine: 'vllm',
    model: /Kimi-K2\.5/i,
    gpu: /./,
    command: ({ concurrency, isFp4 }) => ({
      max_num_seqs: String(concurrency),
      ...(isFp4 ? {} : { gpu_memory_utilization: '0.95' }),
    }),
  },
]

/** Columns of a row that an engine's launch command names as well. */
export type CommandColumns = Partial<
  Record<
    | 'tp'
    | 'pp'
    | 'dp'
    | 'ep'
    | 'max_num_seqs'
    | 'max_num_batched_tokens'
    | 'gpu_memory_utilization'
    | 'kv_dtype'
    | 'recv_interval'
    | 'length_share'
    | 'speculative'
    | 'compile'
    | 'scheduling'
    | 'expert_kernels',
    string
  >
>

/** Flags by column: vLLM, SGLang, TensorRT-LLM, llama-server. */
const flags: Readonly<
  Record<
    Exclude<
      keyof CommandColumns,
      'speculative' | 'compile' | 'scheduling' | 'length_share' | 'expert_kernels'
    >,
    RegExp
  >
> = {
  tp: /(?:--tensor-parallel-size|-tp|--tp-size|--tp_size|--tp)[= ](\d+)/,
  pp: /(?:--pipeline-parallel-size|-pp|--pp-size|--pp_size)[= ](\d+)/,
  dp: /(?:--data-parallel-size|-dp|--dp-size|--dp)[= ](\d+)/,
  ep: /(?:--ep-size|--ep_size|--ep|--expert-parallel-size)[= ](\d+)/,
  max_num_seqs: /(?:--max-num-seqs|--max-running-requests|--max_batch_size|--parallel)[= ](\d+)/,
  max_num_batched_tokens:
    /(?:--max-num-batched-tokens|--chunked-prefill-size|--max_num_tokens)[= ](\d+)/,
  gpu_memory_utilization:
    /(?:--gpu-memory-utilization|--mem-fraction-static|--free_gpu_memory_fraction|--kv_cache_free_gpu_mem(?:ory)?_fraction)[= ]([\d.]+)/,
  kv_dtype: /--kv-cache-dtype[= ]([\w-]+)/,
  recv_interval: /--scheduler-recv-interval[= ](\d+)/,
}

/** What a launch command says of the columns; flags that change nothing that is modelled are left alone. */
export function readLaunchCommand(command: string): CommandColumns {
  const found: { -readonly [Column in keyof CommandColumns]: string } = {}
  for (const [column, pattern] of Object.entries(flags)) {
    const value = pattern.exec(` ${command}`)?.[1]
    if (value !== undefined && value !== 'auto') found[column as keyof typeof flags] = value
  }
  if (/--enable-expert-parallel\b/.test(command) && found.ep === undefined)
    found.ep = String(Number(found.tp ?? 1) * Number(found.dp ?? 1))
  // SGLang's data-parallel ranks share the tensor ranks' devices.
  if (/--enable-dp-attention\b/.test(command) && Number(found.dp) > 1)
    found.tp = String(Math.max(1, Number(found.tp ?? 1) / Number(found.dp)))
  if (/--async-scheduling\b/.test(command)) found.scheduling = 'async'
  if (/--enable-mixed-chunk\b/.test(command)) found.scheduling = 'mixed'
  const speculative = draftsOf(command)
  if (speculative !== null) found.speculative = speculative
  if (/--enforce-eager\b|--disable-cuda-graph\b/.test(command)) found.compile = 'eager'
  else if (/--enable-torch-compile\b/.test(command)) found.compile = 'full'
  return found
}

/** The engine that a launch command starts; empty where it can't be told. */
export const engineOfCommand = (command: string): string =>
  starters.find(([pattern]) => pattern.test(command))?.[1] ?? ''

const starters: readonly (readonly [RegExp, string])[] = [
  [/\bvllm serve\b|\bvllm\.entrypoints\b/, 'vllm'],
  [/\bsglang\.launch_server\b|\bsglang serve\b/, 'sglang'],
  [/\btrtllm-serve\b/, 'trtllm'],
  [/\bllama-server\b/, 'llama'],
]

/**
 * In the words of `--speculative`, without the acceptance, which no command names. SGLang's documentation gives what it
 * does unasked: 5 steps, 4 candidates, 8 tokens verified.
 */
function draftsOf(command: string): string | null {
  const number = (pattern: RegExp) => pattern.exec(command)?.[1]
  const algorithm = number(/--speculative-algorithm[= ](\w+)/)?.toLowerCase()
  if (algorithm !== undefined) {
    const method = algorithms[algorithm] ?? 'eagle'
    const tokens = number(/--speculative-num-steps[= ](\d+)/) ?? '5'
    const width = number(/--speculative-eagle-topk[= ](\d+)/) ?? '4'
    const chainLength = width === '1' ? String(Number(tokens) + 1) : '8'
    const verified = number(/--speculative-num-draft-tokens[= ](\d+)/) ?? chainLength
    return `${method}:tokens=${tokens},width=${width},verified=${verified}`
  }
  const config = number(/--(?:speculative-config|speculative_config)[= ]'?(\{[^}]*\})/)
  if (config === undefined) return null
  const method = /"method"\s*:\s*"(\w+)"/.exec(config)?.[1]?.toLowerCase() ?? 'draft'
  const tokens = /"num_speculative_tokens"\s*:\s*(\d+)/.exec(config)?.[1] ?? '3'
  return `${methods.find((one) => method.includes(one)) ?? 'eagle'}:tokens=${tokens}`
}

const methods = ['eagle', 'mtp', 'medusa', 'ngram', 'draft'] as const
const algorithms: Readonly<Record<string, string>> = {
  eagle: 'eagle',
  eagle3: 'eagle',
  nextn: 'mtp',
  ngram: 'ngram',
  standalone: 'draft',
}

import { publishedLaunch, ranksOf } from '../../src/planner/predict/published-launch.ts'
import { readLaunchCommand } from '../../src/planner/predict/launch-command.ts'
import type { CsvRow } from './csv.ts'

/** Inputs that published rows keep in their remarks, moved to the columns they belong in. Results are not touched. */
export function liftInputs(row: CsvRow): CsvRow {
  const notes = row.notes ?? ''
  const lifted: Record<string, string> = {}
  const put = (column: string, value: string | undefined) => {
    if (value !== undefined && value !== '' && value !== 'nan' && !row[column])
      lifted[column] = value
  }
  const find = (pattern: RegExp) => pattern.exec(notes)?.[1]
  put(
    'max_num_batched_tokens',
    find(/max[-_]num[-_]batched[-_]tokens[ =](\d+)/) ??
      find(/--chunked-prefill-size[ =](\d+)/) ??
      find(/--max_num_tokens[ =](\d+)/),
  )
  put(
    'max_num_seqs',
    find(/max[-_]num[-_]seqs[ =](\d+)/) ??
      find(/--max-running-requests[ =](\d+)/) ??
      find(/--max_batch_size[ =](\d+)/),
  )
  put(
    'gpu_memory_utilization',
    find(/gpu[-_]mem(?:ory)?[-_]util(?:ization)?[ =]([\d.]+)/) ??
      find(/--mem-fraction-static[ =]([\d.]+)/),
  )
  put('kv_dtype', find(/--kv-cache-dtype[ =](\w+)/))
  put('dp', find(/attn_dp(\d+)/) ?? find(/\bdp=(\d+)/))
  put('ep', find(/moe_ep(\d+)/) ?? find(/--ep-size[ =](\d+)/))
  const command = find(/\bcmd=(.*)$/)
  if (command !== undefined) {
    const named = readLaunchCommand(command)
    for (const [column, value] of Object.entries(named)) put(column, value)
    // The table multiplies ranks that share devices.
    if (/--enable-dp-attention\b/.test(command) && named.tp && Number(named.dp) > 1) {
      lifted.tp = named.tp
      lifted.num_gpus = String(Number(named.tp) * Number(named.dp))
    }
  }
  // Rows of the first round name no precision. FP8 is assumed on devices that had it: in bf16 they could not carry their load.
  if (
    row.source?.startsWith('MLPerf') &&
    /llama2-70b|mixtral/.test(row.model ?? '') &&
    !/B200/.test(row.gpu ?? '')
  )
    put('precision', 'fp8')
  const version = untoldVersion(row)
  if (version !== null) lifted.version = version
  if (spreadsUntold(row) && row.tp) lifted.ep = row.tp
  const drafts = draftsUntold({ ...row, ...lifted })
  if (drafts !== null) put('speculative', `mtp:tokens=${drafts},acceptance=${draftAcceptance}`)
  const launch = publishedLaunch({ ...row, ...lifted }) ?? {}
  for (const [column, value] of Object.entries(launch)) put(column, value)
  Object.assign(lifted, ranksOf(launch))
  const shared = sharedPrefixWorkload(notes)
  if (shared) {
    put('rate_rps', shared.rate?.toString())
    put('prefix_share', repeatedShare)
    put('max_num_seqs', '128')
  }
  return { ...row, ...lifted, ...unmultiplied({ ...row, ...lifted }) }
}

/**
 * Guesses a step by layers of the model's own that InferenceX's scripts ask for (github.com/SemiAnalysisAI/InferenceX,
 * benchmarks/single_node/*_mtp.sh and the search spaces of .github/configs, January to April 2026), which no column says. Null: none.
 * TensorRT-LLM guesses three, one where attention is data-parallel; under SGLang the search space of the drafted runs tells
 * them from the others by their ranks, or by how many users they go up to.
 */
export function draftsUntold(cells: CsvRow): number | null {
  const { engine, model = '', version = '', gpu = '', tp, isl, notes = '' } = cells
  const users = Number(cells.concurrency_or_batch)
  if (engine === 'trtllm' && /deepseek/i.test(model)) {
    const isDrafted =
      version === '1.2.0rc6.post3' || (version === '1.1.0rc2.post2' && /measured 2026-/.test(notes))
    return isDrafted ? (Number(cells.dp ?? 1) > 1 ? 1 : 3) : null
  }
  const isWhole = /moe_ep1\b/.test(notes)
  if (engine !== 'sglang' || version !== '0.5.9' || !cells.precision?.startsWith('fp8')) return null
  if (/Qwen3\.5-397B/.test(model) && /^b[23]00/.test(gpu)) return tp === '4' && isWhole ? 3 : null
  if (!model.endsWith('DeepSeek-R1') || gpu !== 'b200_sxm' || tp !== '8' || !isWhole) return null
  return users > 64 || (isl === '8192' && users > 4) ? 2 : null
}

/**
 * InferenceX ran TensorRT-LLM 1.1 until the end of 2025, under no version or as a build for gpt-oss; and SGLang 0.5.3rc1 on B200 until
 * 10 November 2025, then 0.5.5 (the images of its .github/configs).
 */
function untoldVersion({ engine, version, gpu = '', notes = '' }: CsvRow): string | null {
  const [, month = '', day = ''] = /measured (2025-1\d)-(\d+)/.exec(notes) ?? []
  if (engine === 'trtllm' && (version === 'gpt-oss-dev' || (version === '' && month !== '')))
    return '1.1.0'
  if (engine === 'sglang' && version === '' && gpu.startsWith('b200') && month === '2025-11')
    return Number(day) <= 10 ? '0.5.3rc1' : '0.5.5'
  return null
}

/** DeepSeek in FP4 always had its experts whole, spread over all ranks, in these runs, which their rows don't say. */
const spreadsUntold = ({
  engine,
  version,
  gpu = '',
  precision = '',
  notes = '',
}: CsvRow): boolean =>
  engine === 'sglang' &&
  version === '' &&
  gpu.startsWith('b200') &&
  precision.startsWith('fp4') &&
  /measured 2025-11/.test(notes)

/** Guesses that are right, as is usual; not said anywhere and not fitted. */
const draftAcceptance = 0.68

/** The same machine and layout was run with drafts and without, and nothing tells the rows apart. */
export const mayBeDrafted = ({
  engine,
  model,
  version,
  gpu,
  tp,
  precision,
  notes,
}: CsvRow): boolean =>
  engine === 'sglang' &&
  version === '0.5.9' &&
  (model ?? '').endsWith('DeepSeek-R1') &&
  gpu === 'b200_sxm' &&
  tp === '8' &&
  (precision ?? '').startsWith('fp8') &&
  /moe_ep1\b/.test(notes ?? '')

/** Whether prefill and decoding run on engines of their own, which one row of 16 columns can't describe. */
export const isDisaggregated = (row: CsvRow): boolean => /^disagg\b/.test(row.notes ?? '')

/** A few dozen users send the same prompts again and again: all but the last, partly filled block is in the cache. */
const repeatedShare = '0.95'

interface SharedPrefixWorkload {
  readonly rate: number | null
}

/** The published workloads of sim-to-real-accuracy-validation: requests a second in each stage. */
const stages: Readonly<Record<string, readonly number[]>> = {
  codegen: [5, 10],
  general: [8, 20],
  'general-lite': [2.5, 6],
  roleplay: [6],
  'reasoning-lite': [1],
  reasoning: [4],
}

function sharedPrefixWorkload(notes: string): SharedPrefixWorkload | null {
  const match = /workload=([\w-]+)(?: \((lite) rate\))? shared-prefix multi-turn/.exec(notes)
  if (!match) return null
  const [, name = '', lite] = match
  const rates = stages[lite && !name.endsWith('-lite') ? `${name}-lite` : name] ?? []
  const stage = /stage=(\w+)/.exec(notes)?.[1] ?? 'all'
  // Stages last equally long: requests of all of them together come at the mean rate.
  const mean =
    rates.reduce((sum, rate) => sum + rate * rate, 0) / rates.reduce((sum, rate) => sum + rate, 0)
  const rate = stage === 'all' ? mean : rates[Number(stage)]
  return {
    rate: rate !== undefined && Number.isFinite(rate) ? rate : null,
  }
}

/**
 * The silicon sample multiplies ranks that lie over each other: TP 8 with EP 8 on eight devices stands there as 64
 * devices. Its own run ids still name the ranks.
 */
function unmultiplied(row: CsvRow): Record<string, string> {
  const id = /\bid=(\S+)/.exec(row.notes ?? '')?.[1]
  if (!id) return {}
  const total = Number(row.tp) * Number(row.dp ?? 1)
  const root = Math.sqrt(total)
  if (!Number.isInteger(root) || root < 2) return {}
  const named = /_tp(\d+)(?:_0)?_ep(\d+)/.exec(id)
  const isNamed = named && Number(named[1]) === root && Number(named[2]) === root
  const moeTp = Number(/moe_tp(\d+)/.exec(row.notes ?? '')?.[1])
  const looksSquared =
    (Number(row.ep) === root && moeTp === root) ||
    (Number(row.tp) === root && Number(row.dp) === root)
  if (!isNamed && !(/_cfg\d+$/.test(id) && looksSquared)) return {}
  const isDataParallel = Number(row.tp) === 1
  return {
    num_gpus: String(root),
    tp: isDataParallel ? '1' : String(root),
    dp: isDataParallel ? String(root) : '1',
    ep: String(root),
  }
}

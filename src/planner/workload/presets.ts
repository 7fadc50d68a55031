import type { SloTarget } from './slo.ts'
import type { TokenLength, Workload } from './workload.ts'

/** Limits of MLPerf Inference v5.1 for Llama-2-70B; there they hold for the 99th percentile. */
const interactive = limits(450, 40)
const server = limits(2000, 200)

/** Means and spreads of published traces; no line of a trace is kept here. */
export const workloadPresets: readonly Workload[] = [
  preset(
    'chat',
    [1155, 0.96],
    [211, 0.77],
    0,
    interactive,
    'Azure LLM inference trace 2023, conversation (19,366 requests)',
  ),
  preset(
    'rag',
    [15_325, 1.2],
    [149, 1.19],
    0.64,
    server,
    'Mooncake synthetic trace: questions about long documents that many share (3,993 requests)',
  ),
  preset(
    'code',
    [2048, 0.93],
    [28, 1.9],
    0,
    interactive,
    'Azure LLM inference trace 2023, code (Splitwise, arXiv 2311.18677)',
  ),
  preset(
    'agents',
    [13_500, 0.5],
    [178, 1.35],
    0.95,
    server,
    'MLCommons agentic coding, 2.5 h of conversations, at four characters a token',
  ),
  preset(
    'summarisation',
    [2588, 0.37],
    [291, 1.82],
    0,
    server,
    'arXiv summarisation as Vidur publishes it (28,257 requests)',
  ),
  preset(
    'voice',
    [164, 1.89],
    [20, 1.9],
    0,
    interactive,
    'ServeGen M-small, short turns, 30 min (46,897 requests)',
  ),
  preset(
    'customer-service',
    [461, 1.75],
    [281, 0.79],
    0,
    interactive,
    'ServeGen M-large, 30 min (33,142 requests)',
  ),
  preset(
    'classification',
    [164, 1.89],
    [5, 0.5],
    0,
    server,
    'ServeGen M-small: its median answer has five tokens',
  ),
  preset(
    'reasoning',
    [1080, 3.32],
    [2965, 1.04],
    0,
    server,
    'ServeGen DeepSeek-R1, 1 h (46,628 requests)',
  ),
  preset(
    'batch',
    [294, 0.9],
    [294, 0.9],
    0,
    [],
    'MLPerf Inference, Llama-2-70B offline (OpenOrca): means of 294 and 294 tokens',
  ),
]

function preset(
  name: string,
  input: readonly [number, number],
  output: readonly [number, number],
  prefixShare: number,
  slo: readonly SloTarget[],
  source: string,
): Workload {
  return {
    name,
    inputTokens: length(input),
    outputTokens: length(output),
    prefixShare,
    slo,
    source,
  }
}

function length([mean, spread]: readonly [number, number]): TokenLength {
  return { mean, spread }
}

function limits(ttftMs: number, tpotMs: number): readonly SloTarget[] {
  return [
    { figure: 'ttft', statistic: 'p95', limitMs: ttftMs },
    { figure: 'tpot', statistic: 'p95', limitMs: tpotMs },
  ]
}

import type { LengthSpec, Slo } from '../../../contract/injection-spec.ts'

export interface WorkloadPreset {
  readonly summary: string
  readonly inputTokens: LengthSpec
  readonly outputTokens: LengthSpec
}

const lognormal = (median: number, sigma: number, max: number): LengthSpec => ({
  kind: 'lognormal',
  median,
  sigma,
  min: 1,
  max,
})

/** Synthetic workloads: median and spread of published recordings, nothing of the recordings themselves. */
export const workloads: Readonly<Record<string, WorkloadPreset>> = {
  chat: {
    summary: 'Azure LLM inference trace 2023, conversation (CC-BY-4.0)',
    inputTokens: lognormal(1020, 0.985, 14_050),
    outputTokens: lognormal(129, 0.859, 1000),
  },
  code: {
    summary: 'Azure LLM inference trace 2023, coding: medians of the Splitwise paper (ISCA 2024)',
    inputTokens: lognormal(1500, 0.8, 8000),
    outputTokens: lognormal(13, 0.9, 2000),
  },
  summary: {
    summary: 'arXiv summarisation as in Vidur (MLSys 2024)',
    inputTokens: lognormal(2730, 0.755, 4054),
    outputTokens: lognormal(167, 0.796, 4056),
  },
  reasoning: {
    summary: 'DeepSeek-R1 in ServeGen (2025)',
    inputTokens: lognormal(120, 1.665, 54_954),
    outputTokens: lognormal(1978, 1.115, 32_768),
  },
  short: {
    summary: 'Short answers to short questions, as M-small in ServeGen (2025)',
    inputTokens: lognormal(43, 1.255, 9204),
    outputTokens: lognormal(5, 1.507, 454),
  },
}

/** Server and interactive limits of MLPerf Inference v5.1, applied there to the 99th percentile. */
export const sloPresets: Readonly<Record<string, Slo>> = {
  'mlperf-llama2-70b': { ttftMs: 2000, tpotMs: 200 },
  'mlperf-llama2-70b-interactive': { ttftMs: 450, tpotMs: 40 },
  'mlperf-llama3.1-8b': { ttftMs: 2000, tpotMs: 100 },
  'mlperf-llama3.1-8b-interactive': { ttftMs: 500, tpotMs: 30 },
  'mlperf-llama3.1-405b': { ttftMs: 6000, tpotMs: 175 },
  'mlperf-llama3.1-405b-interactive': { ttftMs: 4500, tpotMs: 80 },
  'mlperf-deepseek-r1': { ttftMs: 2000, tpotMs: 80 },
  'mlperf-deepseek-r1-interactive': { ttftMs: 1500, tpotMs: 15 },
  'mlperf-gpt-oss-120b': { ttftMs: 3000, tpotMs: 80 },
  'mlperf-gpt-oss-120b-interactive': { ttftMs: 2000, tpotMs: 15 },
  'mlperf-mixtral-8x7b': { ttftMs: 2000, tpotMs: 200 },
}

import type { Kernel } from '../kernel-precision.ts'

/** What a source measured for one model: the share of its scores that a precision lost. */
export interface MeasuredQuality {
  readonly model: string
  readonly weights: Kernel
  /** 0 where the quantised model scored no less. The greater of two sources; the upper end of a range. */
  readonly loss: number
  readonly source: string
}

const kurtic = 'Kurtic et al., arXiv 2411.02355, 500,000 evaluations'
const openLlm = (publisher: string, from: number, to: number) =>
  `${publisher}, model card: Open LLM average ${from.toFixed(1)} to ${to.toFixed(1)}`

const of = (model: string, weights: Kernel, loss: number, source: string): MeasuredQuality => ({
  model,
  weights,
  loss,
  source,
})

/** A card that gives the average of the first Open LLM Leaderboard before and after. */
const card = (
  model: string,
  weights: Kernel,
  [from, to]: readonly [number, number],
  publisher = 'RedHatAI',
): MeasuredQuality => of(model, weights, Math.max(0, 1 - to / from), openLlm(publisher, from, to))

/**
 * Only the very weights that were measured: what a precision costs one model says little of its sister. Instruct and base
 * model share an entry where the catalogue holds one of them. Read on 2026-11-27.
 */
export const measuredQuality: readonly MeasuredQuality[] = [
  of('Llama-3.1-8B-Instruct', 'fp8', 0, `${kurtic}: "effectively lossless"`),
  of('Llama-3.1-70B-Instruct', 'fp8', 0, `${kurtic}: "effectively lossless"`),
  of('Llama-3.1-405B-Instruct', 'fp8', 0, `${kurtic}: "effectively lossless"`),
  of('Llama-3.1-8B-Instruct', 'int8', 0.03, `${kurtic}: 1-3 % when well tuned`),
  of('Llama-3.1-70B-Instruct', 'int8', 0.03, `${kurtic}: 1-3 % when well tuned`),
  of('Llama-3.1-405B-Instruct', 'int8', 0.03, `${kurtic}: 1-3 % when well tuned`),
  of(
    'Llama-3.1-8B-Instruct',
    'int4',
    0.03,
    'RedHatAI quantized.w4a16, model card: mean recovery of five evaluations 97.0 %',
  ),
  of(
    'Llama-3.1-405B-Instruct',
    'int4',
    0.012,
    'RedHatAI quantized.w4a16, model card: mean recovery of five evaluations 98.8 %',
  ),
  of(
    'Llama-3.1-8B-Instruct',
    'nvfp4',
    0.062,
    'arXiv 2509.23202, model card: 78.9 to 74.0 on average, rounded to nearest',
  ),
  of(
    'Llama-3.2-3B-Instruct',
    'nvfp4',
    0.091,
    'ISTA-DASLab, model card: 71.5 to 65.0 on average, rounded to nearest',
  ),
  of('Llama-3.3-70B-Instruct', 'int8', 0.006, 'RedHatAI, model card: recovery 99.4 % on average'),
  card('Llama-3.2-1B-Instruct', 'fp8', [51.7, 50.88]),
  card('Llama-2-7b-hf', 'fp8', [53.43, 53.28], 'neuralmagic, chat'),
  card('Meta-Llama-3-8B', 'fp8', [68.71, 68.22]),
  card('Meta-Llama-3-70B', 'fp8', [79.51, 79.16]),
  card('DeepSeek-R1-Distill-Llama-70B', 'fp8', [76.49, 76.52]),
  card('Mixtral-8x7B-Instruct-v0.1', 'fp8', [73.48, 73.19]),
  card('Mixtral-8x22B-Instruct-v0.1', 'fp8', [79.15, 78.47]),
  card('Mistral-Nemo-Instruct-2407', 'fp8', [71.61, 71.28]),
  card('Mistral-Small-24B-Instruct-2501', 'fp8', [79.45, 78.88]),
  card('gemma-2-2b-it', 'fp8', [58.8, 58.41]),
  card('gemma-2-9b-it', 'fp8', [73.23, 73.49]),
  card('gemma-2-9b-it', 'int8', [73.8, 73.71]),
  card('granite-3.1-8b-instruct', 'int4', [70.3, 69.81]),
  card('Qwen2-72B', 'fp8', [79.97, 80.34], 'neuralmagic, Instruct'),
  of(
    'Qwen2-72B',
    'int4',
    0.011,
    'Qwen documentation, quantised models, Instruct: 81.3 to 80.4 with AWQ, 81.2 with GPTQ',
  ),
  of(
    'Qwen2-7B',
    'int4',
    0.042,
    'Qwen documentation, quantised models, Instruct: 66.9 to 64.1 on average',
  ),
  of(
    'Qwen3-1.7B',
    'fp8',
    0.035,
    'ishita-codes-ai, model card: GSM8K, MMLU and HumanEval lose 3.5 % on average',
  ),
  of(
    'Qwen3-8B',
    'fp8',
    0.002,
    'silybench-data, 2026-09-24, vLLM 0.30: mean of six evaluations 74.8 to 74.7',
  ),
  of(
    'Qwen3-8B',
    'int4',
    0.047,
    'Rodder5/Qwen3-8B-W4A16-AWQ, model card: mean of seven evaluations',
  ),
  of(
    'Qwen3-8B',
    'nvfp4',
    0.04,
    'ISTA-DASLab/Qwen3-8B-FPQuant-QAT-NVFP4, model card: 77.5 to 74.4, rounded to nearest',
  ),
  of(
    'Qwen3-32B',
    'fp8',
    0.009,
    'aimultiple.com/llm-quantization: MMLU-Pro 70.24 to 69.64, 12,000 questions',
  ),
  of('QwQ-32B', 'fp8', 0, 'qingcheng-ai, model card: MMLU 61.2 before and after; nothing else'),
  of(
    'Qwen3.5-122B-A10B',
    'fp8',
    0.002,
    'RedHatAI, model card: mean of eight evaluations 89.3 to 89.1',
  ),
  of('phi-4', 'fp8', 0.003, 'cortecs, model card: recovery 99.7 % over five languages'),
]

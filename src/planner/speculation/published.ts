import type { ModelFacts } from '../model-facts.ts'
import { acceptanceOf } from './acceptance.ts'
import { chain, type DraftMethod, type Speculation } from './speculation.ts'

/** What drafts were measured on: the nearest of these stands for a workload. */
export type DraftTask = 'chat' | 'code' | 'maths'

interface Published {
  readonly model: RegExp
  readonly method: DraftMethod
  readonly weights: string | null
  /** Guesses in a row when it was measured; deeper ones are not planned. */
  readonly depth: number
  /** Tokens a step, by task. */
  readonly tokens: Readonly<Record<DraftTask, number>>
  readonly source: string
}

const angelSlim = 'AngelSlim benchmarks, vLLM 0.11.2, 2 guesses (MT-bench, HumanEval, GSM8K)'
const nebius =
  'model card of nebius/EAGLE3-Llama-3.3-70B-Instruct on drafts of others, 7 guesses at temperature 1 (MT-bench, HumanEval, GSM8K)'
const redHat =
  'model card of RedHatAI/Llama-4-Maverick-17B-128E-Instruct-speculator.eagle3, vLLM 0.11, 7 guesses (CNN/Daily Mail, HumanEval, GSM8K)'

/** Drafts of published weights whose acceptance somebody has published: nothing else is recommended unasked. */
// oxfmt-ignore
const published: readonly Published[] = [
  eagle(/^Llama-3\.1-8B/, 'yuhuili/EAGLE3-LLaMA3.1-Instruct-8B', 7, [2.77, 3.49, 3.34], nebius),
  eagle(/^Llama-3\.[13]-70B/, 'RedHatAI/Llama-3.3-70B-Instruct-speculator.eagle3', 7, [2.88, 3.62, 3.29], nebius),
  eagle(/^Llama-4-Maverick/, 'RedHatAI/Llama-4-Maverick-17B-128E-Instruct-speculator.eagle3', 7, [2.63, 3.62, 4.02], redHat),
  eagle(/^Qwen3-1\.7B$/, 'AngelSlim/Qwen3-1.7B_eagle3', 2, [2.17, 2.2, 2.13], angelSlim),
  eagle(/^Qwen3-4B$/, 'AngelSlim/Qwen3-4B_eagle3', 2, [2.07, 2.08, 2.07], angelSlim),
  eagle(/^Qwen3-8B$/, 'AngelSlim/Qwen3-8B_eagle3', 2, [1.97, 1.97, 2.0], angelSlim),
  eagle(/^Qwen3-14B$/, 'AngelSlim/Qwen3-14B_eagle3', 2, [1.74, 1.76, 1.87], angelSlim),
  eagle(/^Qwen3-32B$/, 'AngelSlim/Qwen3-32B_eagle3', 2, [1.86, 1.86, 2.01], angelSlim),
  eagle(/^Qwen3-30B-A3B$/, 'AngelSlim/Qwen3-a3B_eagle3', 2, [2.01, 2.02, 2.1], angelSlim),
  {
    model: /^DeepSeek-(R1|V3)/,
    method: 'mtp',
    weights: null,
    depth: 1,
    tokens: { chat: 1.85, code: 1.85, maths: 1.85 },
    source: 'DeepSeek-V3, arXiv 2412.19437 §5.4.3: the second token is right in 85 to 90 %',
  },
]

function eagle(
  model: RegExp,
  weights: string,
  depth: number,
  [chat, code, maths]: readonly [number, number, number],
  source: string,
): Published {
  return { model, method: 'eagle', weights, depth, tokens: { chat, code, maths }, source }
}

/** Drafts for a model that may be recommended, of every depth up to the one that was measured. */
export function publishedDrafts(model: ModelFacts, workload: string): Speculation[] {
  const found = published.filter((one) => one.model.test(model.name))
  const task = taskOf(workload)
  return found.flatMap(({ method, weights, depth, tokens, source }) => {
    const acceptance = acceptanceOf(tokens[task], depth)
    return depths
      .filter((one) => one <= depth)
      .map((one) => ({ method, ...chain(one), acceptance, model: null, weights, source }))
  })
}

const depths = [1, 2, 3, 5, 7]

/** In conversation, by a method; null where nobody has published it for the model. */
export function knownAcceptance(model: ModelFacts, method: DraftMethod): number | null {
  const found = published.find((one) => one.method === method && one.model.test(model.name))
  return found ? acceptanceOf(found.tokens.chat, found.depth) : null
}

/**
 * What stands for a method where a table of runs names it and nobody has published more: medians of the above, else our
 * own assumption. Only for predictions: nothing is recommended for it.
 */
export const usualAcceptance: Readonly<Record<DraftMethod, number>> = {
  eagle: 0.62,
  mtp: 0.85,
  draft: 0.65,
  medusa: 0.5,
  ngram: 0.3,
  lookahead: 0.3,
}

/** Summaries and questions about documents were not measured: conversation, the least predictable, stands for them. */
function taskOf(workload: string): DraftTask {
  if (workload === 'code') return 'code'
  return workload === 'reasoning' ? 'maths' : 'chat'
}

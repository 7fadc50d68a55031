import type { ModelFacts } from '../model-facts.ts'
import { modelCatalogue } from './catalogue.ts'

/**
 * Finds the facts for a name as people, hubs and result tables write it: "meta-llama/Llama-3.1-8B-Instruct",
 * "LLaMA v3.1 8B", "llama3.1-8b", "nvidia/Llama-3.1-8B-Instruct-FP8". Null where nothing fits.
 */
export function resolveModel(name: string): ModelFacts | null {
  const key = modelKey(name)
  if (!key) return null
  const exact = byKey.get(key)
  if (exact) return exact
  // A fine-tune carries its base model's name inside its own: take the longest that fits.
  let best: { key: string; facts: ModelFacts } | null = null
  for (const [known, facts] of byKey)
    if (known.length >= 5 && containsKey(key, known) && known.length > (best?.key.length ?? 0))
      best = { key: known, facts }
  return best?.facts ?? null
}

/** Names close to one that was not found, for the message. */
export function suggestModels(name: string, count = 3): string[] {
  const wanted = pairs(modelKey(name))
  return modelCatalogue
    .map(({ facts }) => ({ name: facts.name, score: overlap(wanted, pairs(modelKey(facts.name))) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, count)
    .map((candidate) => candidate.name)
}

/** Words that say how a model was tuned or packed, not which it is. */
const noise = new Set(
  `instruct chat hf it base meta fp8 fp16 bf16 int8 int4 nvfp4 mxfp4 fp4 w8a8 w4a16 w4a4 awq gptq gguf dynamic
  quantized eagle eagle3 mtp pt pruned terminus preview exp 2501 2503 2506 2507 2407 2410 2411 0324 0528 1124
  0325 0414 0924 99 99.9 block kv q4 q8 4k 8k 32k 128k v1.0 hybrid unsloth legacy mlperf model`
    .split(/\s+/)
    .filter(Boolean),
)

/** "meta-llama/Llama-3.1-8B-Instruct" → "llama3.18b". */
function modelKey(name: string): string {
  const bare = name.slice(name.lastIndexOf('/') + 1).toLowerCase()
  return bare
    .replace(/gpt[ _-]?j\b/, 'gptj')
    .replace(/(\d)_(\d)/g, '$1.$2')
    .replace(/\bv(?=\d(\.\d+)?[ _-]+\d+(\.\d+)?[bm]\b)/, '')
    .split(/[\s_/()-]+/)
    .filter((word) => word && !noise.has(word))
    .join('')
    .replace(/^meta|gptj6b$/, (match) => (match === 'meta' ? '' : 'gptj6b'))
}

const byKey = index()

function index(): Map<string, ModelFacts> {
  const keys = new Map<string, ModelFacts>()
  for (const entry of modelCatalogue)
    for (const alias of [entry.facts.name, ...entry.aliases]) {
      const key = modelKey(alias)
      if (!keys.has(key)) keys.set(key, entry.facts)
    }
  return keys
}

/** "llama3.18b" must not answer for "llama3.18bx2", nor "qwen34b" for "qwen34bfoo" inside a number. */
function containsKey(key: string, known: string): boolean {
  const at = key.indexOf(known)
  if (at < 0) return false
  const before = key[at - 1] ?? ''
  const after = key[at + known.length] ?? ''
  const isCut = (edge: string, inside: string) => /[\d.]/.test(edge) && /[\d.]/.test(inside)
  return !isCut(before, known[0] ?? '') && !/[\d.]/.test(after) && after !== 'x'
}

const pairs = (key: string): Set<string> =>
  new Set(Array.from({ length: Math.max(0, key.length - 1) }, (_, at) => key.slice(at, at + 2)))

function overlap(left: ReadonlySet<string>, right: ReadonlySet<string>): number {
  let shared = 0
  for (const pair of left) if (right.has(pair)) shared++
  return (2 * shared) / Math.max(1, left.size + right.size)
}

import { AppError } from '../../core/errors.ts'
import type { ModelFacts } from '../model-facts.ts'

/** The JSON at the head of a safetensors file (of all shards together): tensor name → type and shape. */
export type SafetensorsHeader = Readonly<
  Record<string, { readonly dtype?: string; readonly shape?: readonly number[] } | undefined>
>

/**
 * Model facts from tensor shapes alone. Heads can't be told from shapes unless there is a per-head norm; 128 numbers a
 * head are assumed, which is what most models have. Throws `planner/bad-model` where the tensors are not a language model's.
 */
export function readSafetensorsHeader(name: string, header: SafetensorsHeader): ModelFacts {
  const tensors = Object.entries(header).filter(([key]) => key !== '__metadata__')
  const shapeOf = (pattern: RegExp) => tensors.find(([key]) => pattern.test(key))?.[1]?.shape
  const embedding = shapeOf(/(embed_tokens|wte|word_embeddings|embed_in)\.weight$/)
  const indexes = tensors.map(([key]) =>
    Number(/\.(?:layers|h|blocks|layer)\.(\d+)\./.exec(key)?.[1] ?? -1),
  )
  const layers = indexes.reduce((most, index) => Math.max(most, index), -1) + 1
  const [vocab, hidden] = embedding ?? []
  if (!vocab || !hidden || layers === 0)
    throw new AppError('planner/bad-model', {
      message: `the header of ${name} holds no embeddings or layers`,
    })
  const queryRows = shapeOf(/\.q_proj\.weight$/)?.[0] ?? hidden
  const keyRows = shapeOf(/\.k_proj\.weight$/)?.[0] ?? queryRows
  const headDim =
    shapeOf(/\.q_norm\.weight$/)?.[0] ?? (queryRows % 128 === 0 && hidden >= 2048 ? 128 : 64)
  const gate = shapeOf(/\.mlp\.(gate_proj|w1)\.weight$/)
  const expert = shapeOf(/experts\.\d+\.(gate_proj|w1)\.weight$/)
  const experts = new Set(tensors.map(([key]) => /experts\.(\d+)\./.exec(key)?.[1]).filter(Boolean))
    .size
  const types = tensors.map(([, tensor]) => tensor?.dtype ?? '')
  return {
    name,
    repo: null,
    kind: 'decoder',
    layers,
    hidden,
    heads: Math.max(1, Math.round(queryRows / headDim)),
    kvHeads: Math.max(1, Math.round(keyRows / headDim)),
    headDim,
    intermediate:
      gate?.[0] ?? shapeOf(/\.(fc1|fc_in|up_proj|dense_h_to_4h)\.weight$/)?.[0] ?? 4 * hidden,
    mlpMatrices: gate || expert ? 3 : 2,
    vocab,
    tiedEmbeddings: !tensors.some(([key]) => /(^|\.)(lm_head|embed_out)\.weight$/.test(key)),
    contextMax: 4096,
    moe:
      experts > 1 && expert?.[0]
        ? {
            experts,
            topK: Math.min(experts, experts <= 16 ? 2 : 8),
            intermediate: expert[0],
            sharedIntermediate: 0,
            denseLayers: 0,
            every: 1,
          }
        : null,
    mla: null,
    window: null,
    linear: null,
    sparse: null,
    extraParameters: 0,
    nativePrecision: types.some((type) => type.startsWith('F8')) ? 'fp8' : 'bf16',
    source: `safetensors header of ${name}`,
  }
}

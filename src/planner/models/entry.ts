import type {
  LinearFacts,
  MlaFacts,
  ModelFacts,
  MoeFacts,
  NativePrecision,
  SparseFacts,
} from '../model-facts.ts'

/** layers, hidden, heads, KV heads, head dimension, feed-forward width, vocabulary, longest context. */
export type Shape = readonly [number, number, number, number, number, number, number, number]

export interface Traits {
  readonly kind?: ModelFacts['kind']
  readonly tied?: true
  readonly plainMlp?: true
  /** experts, chosen per token, expert width, shared width, leading dense layers, every n-th layer, spread of the choice. */
  readonly moe?: readonly [number, number, number, number?, number?, number?, number?]
  /** query rank, KV rank, no-position dimension, rotary dimension, value dimension. */
  readonly mla?: readonly [number, number, number, number, number]
  /** window in tokens, layers that have it. */
  readonly window?: readonly [number, number]
  /** layers, key heads, value heads (of 128 each). */
  readonly linear?: readonly [number, number, number]
  /** tokens chosen, indexer heads (of 128 each). */
  readonly sparse?: readonly [number, number]
  readonly extra?: number
  readonly native?: NativePrecision
  /** Other names under which people know it. */
  readonly aliases?: readonly string[]
  /** Repositories of other weights in the same shape. */
  readonly variants?: readonly string[]
}

export interface Entry {
  readonly facts: ModelFacts
  /** Parameters that the publisher reports, in billions: the check on the shape. */
  readonly reportedB: number
  readonly aliases: readonly string[]
  readonly variants?: readonly string[]
}

/** The entry and those of its variants: models of their own that take as long as it does. */
export function withVariants({ variants = [], ...entry }: Entry): Entry[] {
  const { facts } = entry
  return [
    entry,
    ...variants.map((repo) => ({
      ...entry,
      facts: {
        ...facts,
        name: nameOf(repo),
        repo,
        source: `${facts.source}, whose shape ${repo} has`,
        measuredAs: facts.name,
      },
      aliases: [],
    })),
  ]
}

const nameOf = (repo: string): string => repo.slice(repo.indexOf('/') + 1)

/** One line of the catalogue. The source of the shape is the repository's config.json. */
export function model(repo: string, reportedB: number, shape: Shape, traits: Traits = {}): Entry {
  const [layers, hidden, heads, kvHeads, headDim, intermediate, vocab, contextMax] = shape
  const facts: ModelFacts = {
    name: nameOf(repo),
    repo,
    kind: traits.kind ?? 'decoder',
    layers,
    hidden,
    heads,
    kvHeads,
    headDim,
    intermediate,
    mlpMatrices: traits.plainMlp ? 2 : 3,
    vocab,
    tiedEmbeddings: traits.tied ?? false,
    contextMax,
    moe: traits.moe ? moe(...traits.moe) : null,
    mla: traits.mla ? mla(...traits.mla) : null,
    window: traits.window ? { tokens: traits.window[0], layers: traits.window[1] } : null,
    linear: traits.linear ? linear(...traits.linear) : null,
    sparse: traits.sparse ? sparse(...traits.sparse) : null,
    extraParameters: traits.extra ?? 0,
    nativePrecision: traits.native ?? 'bf16',
    source: `config.json of huggingface.co/${repo}`,
  }
  return { facts, reportedB, aliases: traits.aliases ?? [], variants: traits.variants ?? [] }
}

const moe = (
  experts: number,
  topK: number,
  intermediate: number,
  sharedIntermediate = 0,
  denseLayers = 0,
  every = 1,
  spread?: number,
): MoeFacts => ({
  experts,
  topK,
  intermediate,
  sharedIntermediate,
  denseLayers,
  every,
  ...(spread === undefined ? {} : { spread }),
})

const mla = (
  qRank: number,
  kvRank: number,
  nope: number,
  rope: number,
  value: number,
): MlaFacts => ({ qRank, kvRank, nope, rope, value })

const linear = (layers: number, keyHeads: number, valueHeads: number): LinearFacts => ({
  layers,
  keyHeads,
  valueHeads,
  keyDim: 128,
  valueDim: 128,
})

const sparse = (topK: number, indexHeads: number): SparseFacts => ({
  topK,
  indexHeads,
  indexDim: 128,
})

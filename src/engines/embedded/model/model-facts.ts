import type { Llama, LlamaModel } from 'node-llama-cpp'
import { addonModelOf } from './addon.ts'
import { decodeToken, type Vocabulary } from './vocabulary.ts'

/** What the file and the library tell about a model. */
export interface ModelFacts {
  readonly architecture: string
  readonly trainedContextTokens: number
  readonly embeddingLength: number
  /** Jinja source. */
  readonly chatTemplate: string | null
  readonly bosText: string
  readonly eosText: string
  /** The file says that a raw prompt starts with BOS. */
  readonly addsBos: boolean
  /** Tokens around a text to embed. */
  readonly embeddingFrame: { readonly before: readonly number[]; readonly after: readonly number[] }
  /** `general.sampling.*` of the file: what its makers recommend. */
  readonly sampling: Readonly<Record<string, unknown>>
  /** False: CPU. */
  readonly gpu: string | false
}

export const vocabularySize = (model: LlamaModel): number =>
  model.fileInfo.metadata.tokenizer?.ggml?.tokens?.length ?? 0

export function readVocabulary(model: LlamaModel): Vocabulary {
  const native = addonModelOf(model)
  const size = vocabularySize(model)
  const kind = model.vocabularyType
  const spelling = kind === 'bpe' ? 'bpe' : kind === 'spm' || kind === 'ugm' ? 'spm' : null
  const cache: (Uint8Array | undefined)[] = Array.from({ length: size })
  return {
    size,
    bosToken: model.tokens.bos,
    tokenize: (text) => native.tokenize(text, true),
    bytesOf: (token) =>
      (cache[token] ??= spelling
        ? decodeToken(
            {
              text: native.getTokenString(token),
              attributes: native.getTokenAttributes(token),
            },
            spelling,
          )
        : Buffer.from(native.detokenize(Uint32Array.of(token), false))),
    nameOf: (token) => native.getTokenString(token),
    isEnd: (token) => native.isEogToken(token),
  }
}

export function readFacts(llama: Llama, model: LlamaModel): ModelFacts {
  const { metadata } = model.fileInfo
  const { tokens } = model
  const template: unknown = metadata.tokenizer?.chat_template
  const isWordPiece = model.vocabularyType === 'wpm'
  const isFramed = isWordPiece || tokens.shouldPrependBosToken
  const end = isWordPiece ? tokens.sep : tokens.shouldAppendEosToken ? tokens.eos : null
  const general: object = metadata.general
  return {
    architecture: model.architecture,
    trainedContextTokens: model.trainContextSize,
    embeddingLength: model.embeddingVectorSize,
    chatTemplate: typeof template === 'string' ? template : null,
    bosText: tokens.bosString ?? '',
    eosText: tokens.eosString ?? '',
    addsBos: tokens.shouldPrependBosToken,
    embeddingFrame: {
      before: isFramed && tokens.bos !== null ? [tokens.bos] : [],
      after: end === null ? [] : [end],
    },
    sampling: 'sampling' in general ? (general.sampling as Record<string, unknown>) : {},
    gpu: llama.gpu,
  }
}

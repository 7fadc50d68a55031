import { randomInt } from 'node:crypto'
import { AppError } from '../../../core/errors.ts'
import type { GenerationRequest } from './requests.ts'
import type { SamplingOptions } from '../model/session.ts'

export type SamplingDefaults = Pick<
  SamplingOptions,
  'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty'
>

/** What a request leaves out: what the file's makers recommend, else llama.cpp's defaults. */
export function readSamplingDefaults(file: Readonly<Record<string, unknown>>): SamplingDefaults {
  const read = (key: string, otherwise: number): number =>
    typeof file[key] === 'number' && Number.isFinite(file[key]) ? file[key] : otherwise
  return {
    temperature: read('temp', 0.8),
    topK: read('top_k', 40),
    topP: read('top_p', 0.95),
    minP: read('min_p', 0.05),
    repetitionPenalty: read('penalty_repeat', 1),
  }
}

/** One request's sampling; `choice` counts its answers, so that each gets another seed. */
export function readSampling(
  request: GenerationRequest,
  defaults: SamplingDefaults,
  vocabularySize: number,
  grammar: string | null,
  choice: number,
): SamplingOptions {
  const seed = typeof request.seed === 'number' ? request.seed + choice : randomInt(2 ** 32)
  return {
    temperature: request.temperature ?? defaults.temperature,
    topK: Math.max(0, request.top_k ?? defaults.topK),
    topP: request.top_p ?? defaults.topP,
    minP: request.min_p ?? defaults.minP,
    seed: seed >>> 0,
    presencePenalty: request.presence_penalty ?? 0,
    frequencyPenalty: request.frequency_penalty ?? 0,
    repetitionPenalty: request.repetition_penalty ?? defaults.repetitionPenalty,
    logitBias: readBias(request.logit_bias ?? {}, vocabularySize),
    grammar,
    ignoreEnd: request.ignore_eos === true,
  }
}

function readBias(given: Record<string, number>, vocabularySize: number): Map<number, number> {
  const bias = new Map(Object.entries(given).map(([token, value]) => [Number(token), value]))
  for (const [token, value] of bias) {
    if (token >= vocabularySize)
      throw new AppError('request/invalid', {
        message: `logit_bias: there is no token ${token}; the model has ${vocabularySize}`,
        param: 'logit_bias',
      })
    // OpenAI: -100 bans a token.
    if (value === -100) bias.set(token, -Infinity)
  }
  return bias
}

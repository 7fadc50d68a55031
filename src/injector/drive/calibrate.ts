import type { InjectionSpec } from '../../contract/injection-spec.ts'
import { syntheticText } from '../policy/workload/synthetic-text.ts'
import type { EndpointCalls } from './endpoint-calls.ts'

const words = [50, 250] as const

/**
 * What one synthetic word and the chat template cost in tokens, from two requests and what the server says of their
 * prompts. A server that does not say leaves the spec as it is.
 */
export async function calibrate(spec: InjectionSpec, calls: EndpointCalls): Promise<InjectionSpec> {
  const model = spec.models[0]!.name
  const [few, many] = await Promise.all(
    words.map((count) =>
      calls.promptTokensOf(model, syntheticText(spec.seed, 'calibration', count).trim()),
    ),
  )
  if (few == null || many == null || many <= few) return spec
  const tokensPerWord = (many - few) / (words[1] - words[0])
  return {
    ...spec,
    workload: {
      ...spec.workload,
      calibration: {
        wordsPerToken: 1 / tokensPerWord,
        templateTokens: Math.max(0, Math.round(few - words[0] * tokensPerWord)),
      },
    },
  }
}

import { AppError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import { workloadPresets } from './presets.ts'
import type { Workload } from './workload.ts'

/** A preset by name, or "ISL,OSL" in mean tokens. Errors: `planner/bad-request`. */
export function parseWorkload(text: string): Workload {
  const word = text.trim().toLowerCase()
  const found = workloadPresets.find(({ name }) => name === (synonyms[word] ?? word))
  if (found) return found
  const match = /^(\d{1,9})\s*[,:/x]\s*(\d{1,9})$/.exec(word)
  const [inputTokens, outputTokens] = [Number(match?.[1]), Number(match?.[2])]
  if (inputTokens >= 1 && outputTokens >= 1)
    return {
      name: `${inputTokens},${outputTokens}`,
      inputTokens: { mean: inputTokens, spread: 0 },
      outputTokens: { mean: outputTokens, spread: 0 },
      prefixShare: 0,
      slo: [],
      source: 'as given; all requests of one length',
    }
  const names = workloadPresets.map(({ name }) => name)
  const meant = nearest(word, names)
  throw new AppError('planner/bad-request', {
    message: `no workload "${text}"${meant === null ? '' : `; did you mean ${meant}?`}`,
    hint: `Name one of ${names.join(', ')}, or mean tokens in and out like 1000,200.`,
  })
}

const synonyms: Readonly<Record<string, string>> = {
  summarization: 'summarisation',
  summary: 'summarisation',
  agent: 'agents',
  coding: 'code',
  classify: 'classification',
  support: 'customer-service',
  'customer service': 'customer-service',
  'voice-assistant': 'voice',
  'voice assistant': 'voice',
  offline: 'batch',
}

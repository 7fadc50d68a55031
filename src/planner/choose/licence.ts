/** Under which terms a model may be used, as its publisher's model card says it; null: not known here. */
export function licenceOf(repo: string | null): string | null {
  if (repo === null) return null
  return licences.find(([pattern]) => pattern.test(repo))?.[1] ?? null
}

/** First match wins: exceptions stand before the rule of their family. */
const licences: readonly (readonly [RegExp, string])[] = [
  [/^TinyLlama\/|^jingyaogong\//, 'Apache-2.0'],
  [/^huggyllama\//, 'LLaMA, not commercial'],
  [/^meta-llama\/Llama-2|^codellama\//, 'Llama 2 Community'],
  [/^meta-llama\/Meta-Llama-3-/, 'Llama 3 Community'],
  [/^meta-llama\/Llama-3\.1/, 'Llama 3.1 Community'],
  [/^meta-llama\/Llama-3\.2/, 'Llama 3.2 Community'],
  [/^meta-llama\/Llama-3\.3/, 'Llama 3.3 Community'],
  [/^meta-llama\/Llama-4/, 'Llama 4 Community'],
  [/^Qwen\/Qwen(2-72B|2\.5-72B)/, 'Qwen'],
  [/^Qwen\/Qwen2\.5-3B/, 'Qwen Research, not commercial'],
  [/^Qwen\/Qwen1\.5/, 'Tongyi Qianwen'],
  [/^Qwen\/(Qwen(2|2\.5|3)-|QwQ)/, 'Apache-2.0'],
  [/^mistralai\/(Codestral|Mistral-Large|Ministral)/, 'Mistral, not commercial'],
  [/^mistralai\//, 'Apache-2.0'],
  [/^deepseek-ai\/DeepSeek-(V3\.|R1)/, 'MIT'],
  [/^deepseek-ai\//, 'DeepSeek Model'],
  [/^google\/gemma-/, 'Gemma Terms'],
  [/^google\/flan-t5|^google-bert\//, 'Apache-2.0'],
  [/^openai\/gpt-oss/, 'Apache-2.0'],
  [/^zai-org\/GLM-4\.5|^zai-org\/GLM-4\.6/, 'MIT'],
  [/^microsoft\/[Pp]hi-/, 'MIT'],
  [/^EleutherAI\//, 'Apache-2.0'],
  [/^tiiuae\/falcon-180B/, 'Falcon-180B TII'],
  [/^tiiuae\//, 'Apache-2.0'],
  [/^facebook\/opt/, 'OPT, not commercial'],
  [/^bigscience\//, 'BigScience RAIL'],
  [/^mosaicml\//, 'Apache-2.0'],
  [/^CohereForAI\//, 'CC-BY-NC-4.0, not commercial'],
  [/^databricks\//, 'Databricks Open Model'],
  [/^xai-org\/grok-1/, 'Apache-2.0'],
  [/^ibm-granite\/|^allenai\/|^HuggingFaceTB\//, 'Apache-2.0'],
  [/^sentence-transformers\//, 'Apache-2.0'],
]

/** Where these come from, for whoever relies on it. */
export const licenceSource =
  'licences as remembered from model cards, not checked here: read the card before you rely on one'

export const isCommercial = (licence: string | null): boolean =>
  licence !== null && !/not commercial/.test(licence)

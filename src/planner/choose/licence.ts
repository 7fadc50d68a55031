/** The terms under which a model may be used, and who says so. */
export interface Licence {
  readonly name: string
  readonly source: string
  /** Whether its terms allow commercial use at all; some ask for a registration, or end at so many users. */
  readonly isCommercial: boolean
}

/** Null: no named source tells it here. */
export function licenceOf(repo: string | null): Licence | null {
  if (repo === null) return null
  const found = licences.find(([pattern]) => pattern.test(repo))
  if (!found) return null
  const [, name, source] = found
  return { name, source, isCommercial: !/not commercial/.test(name) }
}

const llama = (version: string, folder: string) =>
  [
    `Llama ${version} Community`,
    `github.com/meta-llama/llama-models: models/${folder}/LICENSE`,
  ] as const
const openLlms = 'github.com/eugeneyan/open-llms'
const mistral = 'docs.mistral.ai: models, licences (github.com/mistralai/platform-docs-public)'
const readme = (repo: string): string => `github.com/${repo}: README`
const card = (repo: string): string => `huggingface.co/${repo}: model card`

/** Looked up on 2026-11-27. First match wins: exceptions stand before the rule of their family. */
// oxfmt-ignore
const licences: readonly (readonly [RegExp, string, string])[] = [
  [/^huggyllama\//, 'LLaMA, not commercial', 'github.com/facebookresearch/llama: llama_v1/MODEL_CARD'],
  [/^meta-llama\/Llama-2/, ...llama('2', 'llama2')],
  [/^meta-llama\/Meta-Llama-3-/, ...llama('3', 'llama3')],
  [/^meta-llama\/Llama-3\.1/, ...llama('3.1', 'llama3_1')],
  [/^meta-llama\/Llama-3\.2/, ...llama('3.2', 'llama3_2')],
  [/^meta-llama\/Llama-3\.3/, ...llama('3.3', 'llama3_3')],
  [/^meta-llama\/Llama-4/, ...llama('4', 'llama4')],
  [/^codellama\//, 'Llama 2 Community', openLlms],
  [/^Qwen\/Qwen1\.5/, 'Tongyi Qianwen', openLlms],
  [/^Qwen\/Qwen2-72B/, 'Tongyi Qianwen', 'huggingface.co/Qwen/Qwen2-72B/discussions/1'],
  [/^Qwen\/Qwen2-/, 'Apache-2.0', 'huggingface.co/Qwen/Qwen2-72B/discussions/1'],
  [/^Qwen\/Qwen2\.5-72B/, 'Qwen', `${readme('QwenLM/Qwen2.5')} v2.5, all but 3B and 72B are Apache-2.0`],
  [/^Qwen\/Qwen2\.5-3B/, 'Qwen Research, not commercial', `${card('Qwen/Qwen2.5-3B')}: qwen-research`],
  [/^Qwen\/Qwen2\.5-/, 'Apache-2.0', `${readme('QwenLM/Qwen2.5')} v2.5`],
  [/^Qwen\/Qwen3-/, 'Apache-2.0', readme('QwenLM/Qwen3')],
  [/^Qwen\/Qwen3\.5-/, 'Apache-2.0', readme('QwenLM/Qwen3.5')],
  [/^mistralai\/Codestral/, 'Mistral Non-Production, not commercial', mistral],
  [/^mistralai\/(Mistral-Large|Ministral-8B)/, 'Mistral Research, not commercial', mistral],
  [/^mistralai\/(Mistral-(7B|Nemo|Small-24B)|Mixtral)/, 'Apache-2.0', mistral],
  [/^deepseek-ai\/DeepSeek-R1-Distill-Llama-8B/, 'MIT on Llama 3.1 Community', readme('deepseek-ai/DeepSeek-R1')],
  [/^deepseek-ai\/DeepSeek-R1-Distill-Llama-70B/, 'MIT on Llama 3.3 Community', readme('deepseek-ai/DeepSeek-R1')],
  [/^deepseek-ai\/DeepSeek-R1/, 'MIT', readme('deepseek-ai/DeepSeek-R1')],
  [/^deepseek-ai\/DeepSeek-V3\.1/, 'MIT', card('deepseek-ai/DeepSeek-V3.1-Base')],
  [/^deepseek-ai\/DeepSeek-V3\.2/, 'MIT', readme('deepseek-ai/DeepSeek-V3.2-Exp')],
  [/^deepseek-ai\/DeepSeek-V3$/, 'DeepSeek Model', 'github.com/deepseek-ai/DeepSeek-V3: LICENSE-MODEL'],
  [/^deepseek-ai\/DeepSeek-V2-/, 'DeepSeek Model', 'github.com/deepseek-ai/DeepSeek-V2: LICENSE-MODEL'],
  [/^deepseek-ai\/deepseek-llm/, 'DeepSeek Model', openLlms],
  [/^google\/gemma-/, 'Gemma Terms', 'ai.google.dev/gemma/terms'],
  [/^google\/flan-t5/, 'Apache-2.0', openLlms],
  [/^google-bert\//, 'Apache-2.0', readme('google-research/bert')],
  [/^openai\/gpt-oss/, 'Apache-2.0', readme('openai/gpt-oss')],
  [/^moonshotai\/Kimi-K2-Instruct/, 'modified MIT', readme('MoonshotAI/Kimi-K2')],
  [/^moonshotai\/Kimi-K2\.5/, 'modified MIT', readme('MoonshotAI/Kimi-K2.5')],
  [/^MiniMaxAI\/MiniMax-M2\.5/, 'MiniMax Model', 'github.com/MiniMax-AI/MiniMax-M2.5: LICENSE-MODEL'],
  [/^zai-org\/GLM-4\.5/, 'MIT', readme('zai-org/GLM-4.5')],
  [/^zai-org\/chatglm3/, 'ChatGLM3 Model, registration', readme('THUDM/ChatGLM3')],
  [/^microsoft\/(phi-2|Phi-3-(mini|medium)|phi-4)/, 'MIT', openLlms],
  [/^microsoft\/Phi-3\.5-MoE/, 'MIT', card('microsoft/Phi-3.5-MoE-instruct')],
  [/^EleutherAI\/|^mosaicml\/|^tiiuae\/falcon-(7b|40b)/, 'Apache-2.0', openLlms],
  [/^bigscience\//, 'BigScience RAIL', openLlms],
  [/^facebook\/opt/, 'OPT, not commercial', 'github.com/facebookresearch/metaseq: projects/OPT/MODEL_LICENSE'],
  [/^CohereForAI\/c4ai-command-r-plus/, 'CC-BY-NC-4.0, not commercial', 'huggingface.co/datasets/OALL/requests'],
  [/^databricks\//, 'Databricks Open Model', readme('databricks/dbrx')],
  [/^xai-org\/grok-1/, 'Apache-2.0', readme('xai-org/grok-1')],
  [/^ibm-granite\/granite-3/, 'Apache-2.0', readme('ibm-granite/granite-3.1-language-models')],
  [/^allenai\/OLMo-2/, 'Apache-2.0', card('allenai/OLMo-2-0325-32B')],
  [/^01-ai\/Yi-/, 'Apache-2.0', readme('01-ai/Yi')],
  [/^nvidia\/Nemotron-4/, 'NVIDIA Open Model', card('nvidia/Nemotron-4-340B-Instruct')],
  [/^HuggingFaceTB\/SmolLM2-/, 'Apache-2.0', card('HuggingFaceTB/SmolLM2-1.7B-Instruct')],
  [/^jingyaogong\/MiniMind/, 'Apache-2.0', readme('jingyaogong/minimind')],
  [/^internlm\/internlm2/, 'Apache-2.0', readme('InternLM/InternLM')],
  [/^baichuan-inc\/Baichuan2/, 'Baichuan 2 Community', readme('baichuan-inc/Baichuan2')],
  [/^ByteDance-Seed\/Seed-OSS/, 'Apache-2.0', readme('ByteDance-Seed/seed-oss')],
  [/^tencent\/Hunyuan-A13B/, 'Hunyuan Community, not in EU, UK, Korea', 'github.com/Tencent-Hunyuan/Hunyuan-A13B: LICENSE'],
  [/^BAAI\/bge/, 'MIT', readme('FlagOpen/FlagEmbedding')],
]

export const licenceNote =
  'licences as their publishers and public lists state them, each with its source in --json; unknown: no source was found. Read the terms before you rely on one: some end at a number of users'

import { type Entry, model } from './entry.ts'

/**
 * InferenceX's run of gpt-oss-120b at 256 users touches 105 of 128 experts a layer (median of 108 snapshots), the hottest by a third of
 * the tokens (github.com/ai-dynamo/aisimulate, gym-tpot-serving-20260917.md). Spreads of 1.4 and of 1.1 say so; 1.3 makes 109 and 0.44.
 */
const gptOssSpread = 1.3

/** Families with one or two members each. */
// oxfmt-ignore
export const otherFamilies: readonly Entry[] = [
  model('openai/gpt-oss-20b', 20.91, [24, 2880, 64, 8, 64, 2880, 201088, 131072], { moe: [32, 4, 2880, 0, 0, 1, gptOssSpread], window: [128, 12], native: 'mxfp4' }),
  model('openai/gpt-oss-120b', 116.83, [36, 2880, 64, 8, 64, 2880, 201088, 131072], { moe: [128, 4, 2880, 0, 0, 1, gptOssSpread], window: [128, 18], native: 'mxfp4' }),
  model('MiniMaxAI/MiniMax-M2.5', 229, [62, 3072, 48, 8, 128, 1536, 200064, 196608], { moe: [256, 8, 1536], native: 'fp8', aliases: ['minimax-m2', 'minimax-m2.1'] }),
  model('zai-org/GLM-4.5-Air', 106.9, [46, 4096, 96, 8, 128, 10944, 151552, 131072], { moe: [128, 8, 1408, 1408, 1] }),
  model('zai-org/GLM-4.6', 353, [92, 5120, 96, 8, 128, 12288, 151552, 202752], { moe: [160, 8, 1536, 1536, 3], aliases: ['glm-4.5', 'glm-4.7', 'glm-4.x'] }),
  model('zai-org/glm-4-9b-chat', 9.4, [40, 4096, 32, 2, 128, 13696, 151552, 131072]),
  model('zai-org/GLM-4-32B-0414', 32.57, [61, 6144, 48, 2, 128, 23040, 151552, 32768], { aliases: ['glm-4-32b', 'glm-z1-32b'] }),
  model('zai-org/chatglm3-6b', 6.24, [28, 4096, 32, 2, 128, 13696, 65024, 8192]),
  model('microsoft/phi-2', 2.78, [32, 2560, 32, 32, 80, 10240, 51200, 2048], { plainMlp: true }),
  model('microsoft/Phi-3-mini-4k-instruct', 3.821, [32, 3072, 32, 32, 96, 8192, 32064, 4096], { window: [2047, 32], aliases: ['phi-3-mini', 'phi-3.5-mini', 'phi-3-mini-128k'] }),
  model('microsoft/Phi-3-medium-4k-instruct', 13.96, [40, 5120, 40, 10, 128, 17920, 32064, 4096], { aliases: ['phi-3-medium'] }),
  model('microsoft/Phi-3.5-MoE-instruct', 41.873, [32, 4096, 32, 8, 128, 6400, 32064, 131072], { moe: [16, 2, 6400] }),
  model('microsoft/Phi-4-mini-instruct', 3.836, [32, 3072, 24, 8, 128, 8192, 200064, 131072], { tied: true }),
  model('microsoft/phi-4', 14.66, [40, 5120, 40, 10, 128, 17920, 100352, 16384], { aliases: ['phi-4-reasoning'] }),
  model('EleutherAI/gpt-j-6b', 6.051, [28, 4096, 16, 16, 256, 16384, 50400, 2048], { plainMlp: true }),
  model('EleutherAI/gpt-neox-20b', 20.55, [44, 6144, 64, 64, 96, 24576, 50432, 2048], { plainMlp: true }),
  model('tiiuae/falcon-7b', 6.92, [32, 4544, 71, 1, 64, 18176, 65024, 2048], { plainMlp: true, tied: true }),
  model('tiiuae/falcon-40b', 41.3, [60, 8192, 128, 8, 64, 32768, 65024, 2048], { plainMlp: true, tied: true }),
  model('tiiuae/falcon-180B', 178.9, [80, 14848, 232, 8, 64, 59392, 65024, 2048], { plainMlp: true, tied: true }),
  model('facebook/opt-6.7b', 6.66, [32, 4096, 32, 32, 128, 16384, 50272, 2048], { plainMlp: true, tied: true }),
  model('facebook/opt-13b', 12.85, [40, 5120, 40, 40, 128, 20480, 50272, 2048], { plainMlp: true, tied: true }),
  model('facebook/opt-30b', 29.97, [48, 7168, 56, 56, 128, 28672, 50272, 2048], { plainMlp: true, tied: true }),
  model('facebook/opt-66b', 65.7, [64, 9216, 72, 72, 128, 36864, 50272, 2048], { plainMlp: true, tied: true }),
  model('bigscience/bloom-7b1', 7.07, [30, 4096, 32, 32, 128, 16384, 250880, 2048], { plainMlp: true, tied: true }),
  model('bigscience/bloom', 176.2, [70, 14336, 112, 112, 128, 57344, 250880, 2048], { plainMlp: true, tied: true, aliases: ['bloom-176b'] }),
  model('mosaicml/mpt-30b', 29.96, [48, 7168, 64, 64, 112, 28672, 50432, 8192], { plainMlp: true, tied: true }),
  model('bigcode/starcoder2-15b', 15.96, [40, 6144, 48, 4, 128, 24576, 49152, 16384], { plainMlp: true }),
  model('CohereForAI/c4ai-command-r-v01', 34.98, [40, 8192, 64, 64, 128, 22528, 256000, 131072], { tied: true, aliases: ['command-r', 'command-r-35b'] }),
  model('CohereForAI/c4ai-command-r-plus', 103.81, [64, 12288, 96, 8, 128, 33792, 256000, 131072], { tied: true, aliases: ['command-r-plus'] }),
  model('databricks/dbrx-instruct', 131.6, [40, 6144, 48, 8, 128, 10752, 100352, 32768], { moe: [16, 4, 10752], aliases: ['dbrx', 'dbrx-132b'] }),
  model('xai-org/grok-1', 314, [64, 6144, 48, 8, 128, 32768, 131072, 8192], { moe: [8, 2, 32768], tied: true }),
  model('ibm-granite/granite-3.1-2b-instruct', 2.53, [40, 2048, 32, 8, 64, 8192, 49155, 131072], { tied: true }),
  model('ibm-granite/granite-3.1-8b-instruct', 8.17, [40, 4096, 32, 8, 128, 12800, 49155, 131072], { tied: true, aliases: ['granite-3.3-8b'] }),
  model('allenai/OLMo-2-1124-7B-Instruct', 7.3, [32, 4096, 32, 32, 128, 11008, 100352, 4096], { aliases: ['olmo-2-7b'] }),
  model('allenai/OLMo-2-1124-13B-Instruct', 13.7, [40, 5120, 40, 40, 128, 13824, 100352, 4096], { aliases: ['olmo-2-13b'] }),
  model('allenai/OLMo-2-0325-32B-Instruct', 32.2, [64, 5120, 40, 8, 128, 27648, 100352, 4096], { aliases: ['olmo-2-32b'] }),
  model('allenai/OLMoE-1B-7B-0924', 6.92, [16, 2048, 16, 16, 128, 1024, 50304, 4096], { moe: [64, 8, 1024], aliases: ['olmoe-1b-7b'] }),
  model('internlm/internlm2_5-7b-chat', 7.74, [32, 4096, 32, 8, 128, 14336, 92544, 32768], { aliases: ['internlm2.5-7b', 'internlm2-7b'] }),
  model('internlm/internlm2_5-20b-chat', 19.86, [48, 6144, 48, 8, 128, 16384, 92544, 32768], { aliases: ['internlm2.5-20b', 'internlm2-20b'] }),
  model('baichuan-inc/Baichuan2-7B-Chat', 7.51, [32, 4096, 32, 32, 128, 11008, 125696, 4096]),
  model('baichuan-inc/Baichuan2-13B-Chat', 13.9, [40, 5120, 40, 40, 128, 13696, 125696, 4096]),
  model('ByteDance-Seed/Seed-OSS-36B-Instruct', 36.15, [64, 5120, 80, 8, 128, 27648, 155136, 524288]),
  model('baidu/ERNIE-4.5-300B-A47B-PT', 300, [54, 8192, 64, 8, 128, 28672, 103424, 131072], { moe: [64, 8, 3584, 0, 3] }),
  model('tencent/Hunyuan-A13B-Instruct', 80.4, [32, 4096, 32, 8, 128, 3072, 128167, 32768], { moe: [64, 8, 3072, 3072], tied: true }),
  model('google-bert/bert-base-uncased', 0.11, [12, 768, 12, 12, 64, 3072, 30522, 512], { kind: 'encoder', plainMlp: true, tied: true, aliases: ['bert-base'] }),
  model('google-bert/bert-large-uncased', 0.335, [24, 1024, 16, 16, 64, 4096, 30522, 512], { kind: 'encoder', plainMlp: true, tied: true, aliases: ['bert-large', 'bge-large-en-v1.5'] }),
  model('sentence-transformers/all-MiniLM-L6-v2', 0.0225, [6, 384, 12, 12, 32, 1536, 30522, 512], { kind: 'encoder', plainMlp: true, tied: true }),
  model('BAAI/bge-m3', 0.567, [24, 1024, 16, 16, 64, 4096, 250002, 8192], { kind: 'encoder', plainMlp: true, tied: true, aliases: ['xlm-roberta-large', 'bge-reranker-v2-m3'] }),
]

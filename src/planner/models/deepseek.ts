import { type Entry, model } from './entry.ts'

/** Models with latent attention: DeepSeek and those that took over its design. */
// oxfmt-ignore
export const deepseekFamily: readonly Entry[] = [
  model('deepseek-ai/deepseek-llm-67b-chat', 67.4, [95, 8192, 64, 8, 128, 22016, 102400, 4096], { aliases: ['deepseek-67b'] }),
  model('deepseek-ai/DeepSeek-V2-Lite-Chat', 15.706, [27, 2048, 16, 16, 128, 10944, 102400, 163840], { moe: [64, 6, 1408, 2816, 1], mla: [0, 512, 128, 64, 128], aliases: ['deepseek-coder-v2-lite'] }),
  model('deepseek-ai/DeepSeek-V2-Chat', 235.7, [60, 5120, 128, 128, 128, 12288, 102400, 163840], { moe: [160, 6, 1536, 3072, 1], mla: [1536, 512, 128, 64, 128], aliases: ['deepseek-coder-v2'], variants: ['deepseek-ai/DeepSeek-V2.5'] }),
  model('deepseek-ai/DeepSeek-V3', 671.03, [61, 7168, 128, 128, 128, 18432, 129280, 163840], { moe: [256, 8, 2048, 2048, 3], mla: [1536, 512, 128, 64, 128], native: 'fp8', variants: ['deepseek-ai/DeepSeek-R1', 'deepseek-ai/DeepSeek-V3.1'] }),
  model('deepseek-ai/DeepSeek-V3.2', 672, [61, 7168, 128, 128, 128, 18432, 129280, 163840], { moe: [256, 8, 2048, 2048, 3], mla: [1536, 512, 128, 64, 128], sparse: [2048, 64], native: 'fp8', aliases: ['deepseek-v3.2-exp'] }),
  model('moonshotai/Kimi-K2-Instruct', 1026, [61, 7168, 64, 64, 128, 18432, 163840, 131072], { moe: [384, 8, 2048, 2048, 1], mla: [1536, 512, 128, 64, 128], native: 'fp8' }),
  model('moonshotai/Kimi-K2.5', 1026.8, [61, 7168, 64, 64, 128, 18432, 163840, 262144], { moe: [384, 8, 2048, 2048, 1], mla: [1536, 512, 128, 64, 128], extra: 0.4e9, native: 'int4', variants: ['moonshotai/Kimi-K2-Thinking'] }),
  model('zai-org/GLM-5', 744, [78, 6144, 64, 64, 64, 12288, 154880, 202752], { moe: [256, 8, 2048, 2048, 3], mla: [2048, 512, 192, 64, 256], sparse: [2048, 32], aliases: ['glm-5.1'] }),
  model('zai-org/GLM-4.7-Flash', 30, [47, 2048, 20, 20, 64, 10240, 154880, 202752], { moe: [64, 4, 1536, 1536, 1], mla: [768, 512, 192, 64, 256] }),
]

import { type Entry, model } from './entry.ts'

// oxfmt-ignore
export const llamaFamily: readonly Entry[] = [
  model('huggyllama/llama-7b', 6.74, [32, 4096, 32, 32, 128, 11008, 32000, 2048], { aliases: ['vicuna-7b-v1.3'] }),
  model('huggyllama/llama-65b', 65.3, [80, 8192, 64, 64, 128, 22016, 32000, 2048]),
  model('meta-llama/Llama-2-7b-hf', 6.738, [32, 4096, 32, 32, 128, 11008, 32000, 4096], { aliases: ['vicuna-7b-v1.5', 'codellama-7b'] }),
  model('meta-llama/Llama-2-13b-hf', 13.016, [40, 5120, 40, 40, 128, 13824, 32000, 4096], { aliases: ['vicuna-13b-v1.5', 'codellama-13b', 'llama-13b'] }),
  model('meta-llama/Llama-2-70b-hf', 68.977, [80, 8192, 64, 8, 128, 28672, 32000, 4096], { aliases: ['llama-70b', 'codellama-70b'] }),
  model('codellama/CodeLlama-34b-Instruct-hf', 33.74, [48, 8192, 64, 8, 128, 22016, 32000, 16384]),
  model('meta-llama/Meta-Llama-3-8B', 8.03, [32, 4096, 32, 8, 128, 14336, 128256, 8192]),
  model('meta-llama/Meta-Llama-3-70B', 70.554, [80, 8192, 64, 8, 128, 28672, 128256, 8192]),
  model('meta-llama/Llama-3.1-8B-Instruct', 8.03, [32, 4096, 32, 8, 128, 14336, 128256, 131072], { aliases: ['llama3_1-8b'], variants: ['deepseek-ai/DeepSeek-R1-Distill-Llama-8B'] }),
  model('meta-llama/Llama-3.1-70B-Instruct', 70.554, [80, 8192, 64, 8, 128, 28672, 128256, 131072], { aliases: ['llama-3.1-nemotron-70b', 'llama3_1-70b'], variants: ['meta-llama/Llama-3.3-70B-Instruct', 'deepseek-ai/DeepSeek-R1-Distill-Llama-70B'] }),
  model('meta-llama/Llama-3.1-405B-Instruct', 405.85, [126, 16384, 128, 8, 128, 53248, 128256, 131072], { aliases: ['llama3_1-405b', 'hermes-3-llama-3.1-405b'] }),
  model('meta-llama/Llama-3.2-1B-Instruct', 1.236, [16, 2048, 32, 8, 64, 8192, 128256, 131072], { tied: true }),
  model('meta-llama/Llama-3.2-3B-Instruct', 3.213, [28, 3072, 24, 8, 128, 8192, 128256, 131072], { tied: true }),
  model('meta-llama/Llama-4-Scout-17B-16E-Instruct', 108.6, [48, 5120, 40, 8, 128, 8192, 202048, 10485760], { moe: [16, 1, 8192, 8192], window: [8192, 36], extra: 0.86e9, aliases: ['llama-4-scout'] }),
  model('meta-llama/Llama-4-Maverick-17B-128E-Instruct', 400.7, [48, 5120, 40, 8, 128, 16384, 202048, 1048576], { moe: [128, 1, 8192, 8192, 0, 2], window: [8192, 36], extra: 0.86e9, aliases: ['llama-4-maverick', 'llama-v4-maverick'] }),
  model('TinyLlama/TinyLlama-1.1B-Chat-v1.0', 1.1, [22, 2048, 32, 4, 64, 5632, 32000, 2048], { aliases: ['tinyllama-1.1b', 'tinyllama'] }),
  model('01-ai/Yi-6B', 6.06, [32, 4096, 32, 4, 128, 11008, 64000, 4096]),
  model('01-ai/Yi-34B', 34.39, [60, 7168, 56, 8, 128, 20480, 64000, 4096], { aliases: ['yi-1.5-34b'] }),
  model('Deci/DeciLM-7B', 7.04, [32, 4096, 32, 2, 128, 14336, 32000, 8192]),
  model('nvidia/Nemotron-4-340B-Instruct', 340, [96, 18432, 96, 8, 192, 73728, 256000, 4096], { plainMlp: true }),
  model('HuggingFaceTB/SmolLM2-135M-Instruct', 0.135, [30, 576, 9, 3, 64, 1536, 49152, 8192], { tied: true }),
  model('HuggingFaceTB/SmolLM2-1.7B-Instruct', 1.71, [24, 2048, 32, 32, 64, 8192, 49152, 8192], { tied: true }),
  model('HuggingFaceTB/SmolLM3-3B', 3.08, [36, 2048, 16, 4, 128, 11008, 128256, 65536], { tied: true }),
  model('jingyaogong/MiniMind2-Small', 0.026, [8, 512, 8, 2, 64, 1408, 6400, 32768], { tied: true, aliases: ['minimind2-small'] }),
]

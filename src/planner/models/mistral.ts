import { type Entry, model } from './entry.ts'

// oxfmt-ignore
export const mistralFamily: readonly Entry[] = [
  model('mistralai/Mistral-7B-v0.1', 7.242, [32, 4096, 32, 8, 128, 14336, 32000, 32768], { window: [4096, 32], aliases: ['zephyr-7b'] }),
  model('mistralai/Mistral-7B-Instruct-v0.3', 7.248, [32, 4096, 32, 8, 128, 14336, 32768, 32768], { aliases: ['mistral-7b', 'mistral-7b-v0.2'] }),
  model('mistralai/Ministral-8B-Instruct-2410', 8.02, [36, 4096, 32, 8, 128, 12288, 131072, 32768], { aliases: ['ministral-8b'] }),
  model('mistralai/Mistral-Nemo-Instruct-2407', 12.248, [40, 5120, 32, 8, 128, 14336, 131072, 131072], { aliases: ['mistral-nemo', 'mistral-nemo-12b'] }),
  model('mistralai/Codestral-22B-v0.1', 22.25, [56, 6144, 48, 8, 128, 16384, 32768, 32768], { aliases: ['codestral-22b', 'mistral-small-22b'] }),
  model('mistralai/Mistral-Small-24B-Instruct-2501', 23.572, [40, 5120, 32, 8, 128, 32768, 131072, 32768], { aliases: ['mistral-small-3', 'mistral-small-3.1-24b', 'mistral-small-3.2-24b', 'devstral-small', 'magistral-small', 'mistral-small-24b'] }),
  model('mistralai/Mistral-Large-Instruct-2407', 122.61, [88, 12288, 96, 8, 128, 28672, 32768, 131072], { aliases: ['mistral-large', 'mistral-large-123b', 'mistral-large-2411'] }),
  model('mistralai/Mixtral-8x7B-Instruct-v0.1', 46.703, [32, 4096, 32, 8, 128, 14336, 32000, 32768], { moe: [8, 2, 14336], aliases: ['mixtral-8x7b'] }),
  model('mistralai/Mixtral-8x22B-Instruct-v0.1', 140.621, [56, 6144, 48, 8, 128, 16384, 32000, 65536], { moe: [8, 2, 16384], aliases: ['mixtral-8x22b'] }),
]

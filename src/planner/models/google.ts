import { type Entry, model } from './entry.ts'

// oxfmt-ignore
export const googleFamily: readonly Entry[] = [
  model('google/gemma-2b-it', 2.506, [18, 2048, 8, 1, 256, 16384, 256000, 8192], { tied: true }),
  model('google/gemma-7b-it', 8.54, [28, 3072, 16, 16, 256, 24576, 256000, 8192], { tied: true }),
  model('google/gemma-2-2b-it', 2.614, [26, 2304, 8, 4, 256, 9216, 256000, 8192], { tied: true, window: [4096, 13] }),
  model('google/gemma-2-9b-it', 9.242, [42, 3584, 16, 8, 256, 14336, 256000, 8192], { tied: true, window: [4096, 21] }),
  model('google/gemma-2-27b-it', 27.227, [46, 4608, 32, 16, 128, 36864, 256000, 8192], { tied: true, window: [4096, 23] }),
  model('google/gemma-3-1b-it', 1.0, [26, 1152, 4, 1, 256, 6912, 262144, 32768], { tied: true, window: [512, 22] }),
  model('google/gemma-3-4b-it', 4.3, [34, 2560, 8, 4, 256, 10240, 262208, 131072], { tied: true, window: [1024, 29], extra: 0.42e9 }),
  model('google/gemma-3-12b-it', 12.187, [48, 3840, 16, 8, 256, 15360, 262208, 131072], { tied: true, window: [1024, 40], extra: 0.42e9 }),
  model('google/gemma-3-27b-it', 27.432, [62, 5376, 32, 16, 128, 21504, 262208, 131072], { tied: true, window: [1024, 52], extra: 0.42e9 }),
  model('google/flan-t5-xl', 2.85, [48, 2048, 32, 32, 64, 5120, 32128, 512], { kind: 'encoder-decoder', aliases: ['t5-3b', 't5-xl'] }),
]

import type { BurdenSetting } from '../burdens/burden.ts'
import type { Emission } from './emission.ts'

type Told = (burden: BurdenSetting, emission: Emission) => readonly string[]

/** Ranks that vLLM takes. */
const loraRanks = [1, 8, 16, 32, 64, 128, 256, 320, 512]

const gigabytes = (share: number, { weightBytes }: Emission): string =>
  String(Math.ceil((share * weightBytes) / 1e9))

const vllm: Told = (burden, emission) => {
  switch (burden.kind) {
    case 'adapters': {
      const rank = loraRanks.find((one) => one >= burden.rank) ?? 512
      return ['--enable-lora', '--max-loras', String(burden.count), '--max-lora-rank', String(rank)]
    }
    case 'offload':
      return burden.what === 'cache'
        ? ['--kv-offloading-size', gigabytes(burden.share, emission)]
        : ['--cpu-offload-gb', gigabytes(burden.share, emission)]
    case 'compile':
      return burden.level === 'eager' ? ['--enforce-eager'] : []
  }
}

const sglang: Told = (burden, emission) => {
  switch (burden.kind) {
    case 'adapters':
      return [
        '--enable-lora',
        '--max-loras-per-batch',
        String(burden.count),
        '--max-lora-rank',
        String(burden.rank),
      ]
    case 'offload':
      return burden.what === 'cache'
        ? ['--enable-hierarchical-cache']
        : ['--cpu-offload-gb', gigabytes(burden.share, emission)]
    case 'compile':
      return [burden.level === 'eager' ? '--disable-cuda-graph' : '--enable-torch-compile']
  }
}

const llama: Told = (burden, { model }) => {
  if (burden.kind !== 'offload' || burden.what === 'cache') return []
  const layers = Math.round(burden.share * model.layers)
  return burden.what === 'experts'
    ? ['--n-cpu-moe', String(layers)]
    : ['-ngl', String(model.layers - layers)]
}

/** Flags for what a replica bears, in an engine's own words. */
export const burdenFlags = (
  engine: 'vllm' | 'sglang' | 'llama',
  emission: Emission,
): readonly string[] =>
  emission.burdens.flatMap((burden) => ({ vllm, sglang, llama })[engine](burden, emission))

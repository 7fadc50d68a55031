import type { BurdenSetting } from '../burdens/burden.ts'
import type { Emission } from './emission.ts'

type Told = (burden: BurdenSetting, emission: Emission) => readonly string[]

/** Ranks that vLLM takes. */
const loraRanks = [1, 8, 16, 32, 64, 128, 256, 320, 512]

const gibibytes = (bytes: number): string => String(Math.ceil(bytes / 2 ** 30))

const vllm: Told = (burden, { elsewhereBytes, settings }) => {
  switch (burden.kind) {
    case 'adapters': {
      const rank = loraRanks.find((one) => one >= burden.rank) ?? 512
      return ['--enable-lora', '--max-loras', String(burden.count), '--max-lora-rank', String(rank)]
    }
    case 'offload': {
      // The room for caches is of all ranks together, that for weights of each.
      const ranks = settings.tensorParallel * settings.pipelineParallel
      return burden.what === 'cache'
        ? ['--kv-offloading-size', gibibytes(elsewhereBytes * ranks)]
        : ['--cpu-offload-gb', gibibytes(elsewhereBytes)]
    }
    case 'compile':
      return burden.level === 'eager' ? ['--enforce-eager'] : []
  }
}

const sglang: Told = (burden, { elsewhereBytes }) => {
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
        ? ['--enable-hierarchical-cache', '--hicache-size', gibibytes(elsewhereBytes)]
        : ['--cpu-offload-gb', gibibytes(elsewhereBytes)]
    case 'compile':
      return [burden.level === 'eager' ? '--disable-cuda-graph' : '--enable-torch-compile']
  }
}

const llama: Told = (burden, { model }) => {
  if (burden.kind !== 'offload') return []
  // Caches are in one place or the other.
  if (burden.what === 'cache') return ['--no-kv-offload']
  const layers = layersOf(burden.share, model.layers)
  return burden.what === 'experts'
    ? ['--n-cpu-moe', String(layers)]
    : ['-ngl', String(model.layers - layers)]
}

const layersOf = (share: number, layers: number): number => Math.max(1, Math.round(share * layers))

/** Flags for what a replica bears, in an engine's own words. */
export const burdenFlags = (
  engine: 'vllm' | 'sglang' | 'llama',
  emission: Emission,
): readonly string[] =>
  emission.burdens.flatMap((burden) => ({ vllm, sglang, llama })[engine](burden, emission))

/** The same as arguments of vLLM's constructor. */
export function vllmArguments(emission: Emission): Readonly<Record<string, number | true>> {
  const flags = burdenFlags('vllm', emission)
  return Object.fromEntries(
    flags.flatMap((flag, at) => {
      if (!flag.startsWith('--')) return []
      const value = flags[at + 1]
      const isAlone = value === undefined || value.startsWith('--')
      return [[flag.slice(2).replaceAll('-', '_'), isAlone ? true : Number(value)] as const]
    }),
  )
}

/** The same in TensorRT-LLM's options file. */
export const trtllmOptions = ({ burdens }: Emission): object =>
  Object.assign(
    {},
    ...burdens.map((burden) => {
      switch (burden.kind) {
        case 'adapters':
          return {
            lora_config: {
              max_loras: burden.count,
              max_lora_rank: burden.rank,
              lora_target_modules: trtllmModules,
            },
          }
        case 'compile':
          return burden.level === 'eager'
            ? { cuda_graph_config: null }
            : { torch_compile_config: {} }
        case 'offload':
          return {}
      }
    }),
  ) as object

/** Every linear layer but the experts. */
const trtllmModules = [
  'attn_q',
  'attn_k',
  'attn_v',
  'attn_dense',
  'mlp_h_to_4h',
  'mlp_gate',
  'mlp_4h_to_h',
]

/** The same in the settings of a deployment. */
export function burdenSettings({ burdens, elsewhereBytes, settings, model }: Emission): object {
  const GiB = Math.ceil(elsewhereBytes / 2 ** 30)
  return Object.assign(
    {},
    ...burdens.map((burden) => {
      switch (burden.kind) {
        case 'adapters':
          return {
            lora: {
              loadedMax: burden.count,
              rankMax: burden.rank,
              // Which ones they are is told while it runs, where that can be.
              ...(['vllm', 'sglang'].includes(settings.engine) ? { dynamic: 'on' } : {}),
            },
          }
        case 'compile':
          return { compileLevel: burden.level === 'eager' ? 0 : 2 }
        case 'offload': {
          const layers = layersOf(burden.share, model.layers)
          if (settings.engine !== 'llama')
            return { offload: burden.what === 'cache' ? { kvGiB: GiB } : { weightsGiB: GiB } }
          if (burden.what === 'cache') return { extraArguments: ['--no-kv-offload'] }
          return burden.what === 'experts'
            ? { offload: { cpuExpertLayers: layers } }
            : { offload: { deviceLayers: model.layers - layers } }
        }
      }
    }),
  ) as object
}

/** What has to be known of them before a command is run. */
export const burdenNotes = ({ burdens, settings, neighbours = [] }: Emission): string[] => [
  ...neighbours,
  ...burdens.flatMap((burden) => {
    if (burden.kind !== 'adapters') return []
    return settings.engine === 'llama'
      ? `name each of the ${burden.count} adapters: --lora FILE --lora FILE …`
      : `room for ${burden.count} adapters of rank ${burden.rank}; name them as the engine wants it`
  }),
]

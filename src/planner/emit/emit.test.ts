import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { engineModels } from '../../engines/models.ts'
import { adapterBurden } from '../burdens/adapters.ts'
import { type Burden, elsewhereBytes } from '../burdens/burden.ts'
import { compileBurden } from '../burdens/compile-level.ts'
import { offloadBurden } from '../burdens/offload.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { plan } from '../search/plan.ts'
import { parseSpeculation, type SpeculationChoice } from '../speculation/parse-speculation.ts'
import { parseFleet } from '../workload/fleet.ts'
import { parseWorkload } from '../workload/parse-workload.ts'
import type { Emission } from './emission.ts'
import { emit, emitApart, type EmitFormat, emitFormats, engineOfFormat } from './index.ts'

/** What the engines' own argument parsers know, of those that a plan may write. */
const known: Readonly<Partial<Record<EmitFormat, readonly string[]>>> = {
  vllm: `--served-model-name --host --port --tensor-parallel-size --pipeline-parallel-size --data-parallel-size
    --enable-expert-parallel --max-model-len --max-num-seqs --max-num-batched-tokens --gpu-memory-utilization
    --quantization --kv-cache-dtype --no-enable-prefix-caching --no-enable-chunked-prefill --speculative-config
    --kv-transfer-config --enable-lora --max-loras --max-lora-rank --cpu-offload-gb --kv-offloading-size
    --enforce-eager --runner`.split(/\s+/),
  sglang:
    `-m --model-path --served-model-name --host --port --tp-size --pp-size --dp-size --enable-dp-attention
    --ep-size --context-length --max-running-requests --chunked-prefill-size --mem-fraction-static --quantization
    --kv-cache-dtype --disable-radix-cache --enable-metrics --speculative-algorithm --speculative-draft-model-path
    --speculative-num-steps --speculative-eagle-topk --speculative-num-draft-tokens --disaggregation-mode
    --disaggregation-transfer-backend --enable-lora --max-loras-per-batch --max-lora-rank --cpu-offload-gb
    --enable-hierarchical-cache --hicache-size --disable-cuda-graph --enable-torch-compile
    --is-embedding`.split(/\s+/),
  trtllm:
    `--host --port --tp_size --pp_size --ep_size --max_batch_size --max_num_tokens --max_seq_len
    --enable_chunked_prefill --config`.split(/\s+/),
  llama:
    `-m -hf --no-kv-offload --host --port --ctx-size --parallel --ubatch-size --batch-size --split-mode -ngl --n-cpu-moe
    --spec-type --spec-draft-model --spec-draft-hf --spec-draft-n-max --metrics --embeddings`.split(
      /\s+/,
    ),
}

const mtp = parseSpeculation('mtp:tokens=1,acceptance=0.8', resolveModel)
const draft = parseSpeculation('draft:model=llama-3.2-1b,tokens=4,acceptance=0.7', resolveModel)
const tree = parseSpeculation('eagle:tokens=4,width=4,verified=16,acceptance=0.6', resolveModel)
const burdens = [
  adapterBurden({ count: 8, rank: 24 }),
  offloadBurden({ what: 'weights', where: 'host', share: 0.3 }),
  ...compileBurden('eager'),
]

const cases: readonly (readonly [string, string, SpeculationChoice, readonly Burden[]])[] = [
  ['llama-3.1-8b', 'h100:2', 'auto', []],
  ['llama-3.1-8b', 'h100:1', draft, burdens],
  ['llama-3.1-70b', 'h100:8', tree, []],
  ['deepseek-r1', 'h200:8', mtp, []],
  ['qwen3-30b-a3b', 'l40s:4', null, [offloadBurden({ what: 'experts', where: 'cpu', share: 1 })]],
  [
    'gpt-oss-20b',
    'rtx 4090:1',
    'auto',
    [offloadBurden({ what: 'cache', where: 'host', share: 1 })],
  ],
]

function emissionOf(
  format: EmitFormat,
  [name, gpu, speculation, borne]: (typeof cases)[number],
): Emission {
  const workload = parseWorkload('chat')
  const wanted = engineOfFormat(format)
  const { candidates, request } = plan({
    model: resolveModel(name)!,
    fleet: parseFleet(gpu, () => null),
    workload,
    slo: [],
    rateRps: null,
    objective: 'cost',
    minQuality: 0.9,
    pinned: {
      engines: engineModels.filter((one) => wanted === null || one.name === wanted),
      ...(speculation === 'auto' || speculation === null ? {} : { drafted: true }),
    },
    speculation,
    burdens: borne,
    tenancy: 'on-demand',
    prices: new Map(),
  })
  const { settings, copy, budget } = candidates[0]!
  return {
    settings,
    model: request.model,
    device: copy.layout.device,
    burdens: borne.flatMap(({ setting }) => setting ?? []),
    elsewhereBytes: elsewhereBytes(borne, copy.layout) + budget.kvElsewhereBytes,
    source: request.model.repo ?? name,
  }
}

describe.each(emitFormats)('%s', (format) => {
  test.each(cases)('%s on %s is written in flags and keys that are known', (...one) => {
    const emission = emissionOf(format, one)
    const text = emit(format, emission)
    expect(text).not.toMatch(/undefined|NaN|\[object/)
    const flags = known[format]
    if (!flags) {
      for (const document of parseAllDocuments(text)) expect(document.errors).toEqual([])
      return
    }
    const command = text.slice(text.indexOf('exec '))
    const written = command.match(/(?<=\s)--?[a-zA-Z][\w-]*(?=[\s]|$)/g) ?? []
    expect(written.length).toBeGreaterThan(5)
    for (const flag of written) expect(flags).toContain(flag)
    const config = /<<'END'\n([\s\S]*?)\nEND/.exec(text)?.[1]
    // The file replaces what the flags say of the cache.
    if (config !== undefined)
      expect(parse(config)).toMatchObject({
        return_perf_metrics: true,
        kv_cache_config: { free_gpu_memory_fraction: emission.settings.memoryShare },
      })
    const drafts = /--speculative-config '(.*?)'/.exec(text)?.[1]
    if (drafts !== undefined) expect(JSON.parse(drafts).num_speculative_tokens).toBeGreaterThan(0)
  })
})

test('a script listens for this machine alone, a container for all', () => {
  const emission = emissionOf('kubernetes', cases[0]!)
  expect(emit('vllm', emission)).toContain('--host "${HOST:-127.0.0.1}"')
  expect(emit('kubernetes', emission)).toContain('0.0.0.0')
})

describe('a model that embeds', () => {
  const one = ['bge-m3', 'l40s:1', null, []] as const

  test.each([
    ['vllm', /--runner pooling/],
    ['sglang', /--is-embedding/],
    ['llama', /--embeddings/],
    ['baleen', /task: embed/],
    ['kubernetes', /--runner|--embeddings|--is-embedding/],
  ] as const)('is told so to %s', (format, flag) =>
    expect(emit(format, emissionOf(format, one))).toMatch(flag),
  )

  test('reads a prompt in one step, whole', () => {
    const { settings } = emissionOf('vllm', one)
    expect(settings.batchedTokens).toBeGreaterThanOrEqual(settings.contextMax)
    expect(settings).toMatchObject({ chunkedPrefill: false, prefixCaching: false })
  })
})

test('both sides apart have roles, and names of their own', () => {
  const emission = emissionOf('kubernetes', cases[0]!)
  const documents = parseAllDocuments(emitApart('kubernetes', emission, emission)).map((one) =>
    one.toJS(),
  )
  const names = documents.map(({ metadata }) => metadata.name)
  expect(new Set(names)).toEqual(
    new Set(['llm-llama-3-1-8b-instruct-prefill', 'llm-llama-3-1-8b-instruct-decode']),
  )
})

describe('what a replica bears', () => {
  const lora = adapterBurden({ count: 8, rank: 24 })
  const offload = (what: 'weights' | 'experts' | 'cache', where: 'host' | 'cpu', share: number) =>
    offloadBurden({ what, where, share })

  test.each([
    ['vllm', [/--max-loras 8/, /--max-lora-rank 32/]],
    ['sglang', [/--max-loras-per-batch 8/, /--max-lora-rank 24/]],
    ['trtllm', [/max_loras: 8/, /max_lora_rank: 24/]],
    ['llama', [/name each of the 8 adapters: --lora FILE/]],
    ['ray', [/enable_lora: true/, /max_loras: 8/]],
    ['baleen', [/loadedMax: 8/, /rankMax: 24/]],
    ['kubernetes', [/lora/]],
  ] as const)('is in the form of %s', (format, told) => {
    const text = emit(format, emissionOf(format, ['llama-3.1-8b', 'h100:1', null, [lora]]))
    for (const words of told) expect(text).toMatch(words)
  })

  test('is counted by what it is: weights, experts or caches', () => {
    const of = (format: EmitFormat, model: string, burden: Burden) =>
      emit(format, emissionOf(format, [model, 'h100:1', null, [burden]]))
    const offloaded = (text: string, numbers: number) => {
      const bytes = numbers * (/--quantization fp8/.test(text) ? 1 : 2)
      expect(Number(/--cpu-offload-gb (\d+)/.exec(text)?.[1])).toBe(Math.ceil(bytes / 2 ** 30))
    }
    // 6.98 billion numbers beside embeddings and head.
    offloaded(of('vllm', 'llama-3.1-8b', offload('weights', 'host', 0.3)), 0.3 * 6.98e9)
    // 48 layers of 128 experts with 3 · 2048 · 768 numbers each.
    offloaded(of('vllm', 'qwen3-30b-a3b', offload('experts', 'host', 0.5)), 0.5 * 28.99e9)
    // As much as is left on the device once more, which a model of a third of the memory leaves more than half of.
    const room = /--kv-offloading-size (\d+)/.exec(
      of('vllm', 'llama-3.1-8b', offload('cache', 'host', 0.5)),
    )
    expect(Number(room?.[1])).toBeGreaterThan(40)
    expect(of('llama', 'llama-3.1-8b', offload('cache', 'cpu', 1))).toMatch(/--no-kv-offload/)
    expect(of('llama', 'qwen3-30b-a3b', offload('experts', 'cpu', 1))).toMatch(/--n-cpu-moe 48/)
    expect(of('baleen', 'llama-3.1-8b', offload('weights', 'cpu', 0.5))).toMatch(
      /engine: llama-server[\s\S]*deviceLayers: 16/,
    )
  })
})

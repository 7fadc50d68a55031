import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StepLoad, StepTime } from '../../src/simulator/engine/step-load.ts'

/** A machine and a model whose layers were measured one by one, and what the measurement leaves out. */
export interface ProfiledRun {
  /** File prefix in `ops/llmservingsim`: `RTX4090_Llama-3.1-8B_tp1`. */
  readonly profile: string
  readonly layers: number
  readonly hidden: number
  readonly tp: number
  /** Two ranks exchange this way; measured under CUDA graphs. Null: nothing is exchanged. */
  readonly link: Link | null
  /** Share of the way from the mean to the longest context that decoding waits for its longest sequence. */
  readonly skew: number
  readonly experts: { readonly count: number; readonly topK: number } | null
  /** Longest step that a CUDA graph was captured for. */
  readonly graphTokensMax: number
}

/** Two devices that exchange over a bus: a time for the start, then bytes. */
export interface Link {
  readonly floorUs: number
  readonly GBs: number
}

/** Step time from layer profiles: what each layer took, alone, for so many tokens. */
export function profiledStepTime(directory: string, run: ProfiledRun): StepTime {
  const dense = readCurves(join(directory, `${run.profile}_dense.csv`))
  const perSequence = readCurves(join(directory, `${run.profile}_per_sequence.csv`))
  const attentionUs = readAttention(join(directory, `${run.profile}_attention.csv`))
  const moe = run.experts ? readMoe(join(directory, `${run.profile}_moe.csv`)) : null
  const inLayer = ['layernorm', 'layernorm', 'qkv_proj', 'qk_norm', 'rotary_emb', 'o_proj']
  const feedForward = ['gate_up_proj', 'act_fn', 'down_proj']
  const sum = (names: readonly string[], tokens: number) =>
    names.reduce((total, name) => total + (dense.get(name)?.(tokens) ?? 0), 0)

  return (ranks) => {
    const own = ranks.map((load) => Math.max(1, load.prefillTokens + load.decodeTokens))
    // Steps that a CUDA graph was captured for are padded to its size; ranks that share experts to the same one.
    const isCaptured = Math.max(...own) <= run.graphTokensMax
    const tokens = isCaptured ? Math.ceil(Math.max(...own) / 8) * 8 : Math.max(...own)
    const all = isCaptured ? tokens * ranks.length : own.reduce((total, one) => total + one, 0)
    const attention = Math.max(...ranks.map((load) => attentionOf(attentionUs, load, run.skew)))
    const { link, experts, tp, hidden } = run
    let layer = sum([...inLayer, ...feedForward], tokens) + attention
    if (link && tp > 1) layer += 2 * exchangeUs(link, tp, tokens * hidden * 2)
    if (moe && experts) {
      // Routing is taken as even: each rank has its share of the tokens and of the experts that they touch.
      const touched = Math.min(experts.count, all * experts.topK)
      layer += moe(all / ranks.length, touched / ranks.length)
      if (link) layer += exchangeUs(link, ranks.length, all * hidden * 2)
    }
    const sampled = Math.max(1, ...ranks.map((load) => load.sampled))
    const head = ['lm_head', 'sampler'].map((name) => perSequence.get(name)!(sampled))
    const once = sum(['embedding', 'final_layernorm'], tokens) + head[0]! + head[1]!
    return (run.layers * layer + once) / 1000
  }
}

/** An all-reduce, or gathering and scattering again: the same bytes cross the bus. */
const exchangeUs = ({ floorUs, GBs }: Link, ranks: number, bytes: number): number =>
  floorUs + (((2 * (ranks - 1)) / ranks) * bytes) / (GBs * 1e3)

type Curve = (at: number) => number
type AttentionUs = (chunk: number, past: number, decodes: number, context: number) => number

/**
 * The kernel takes all sequences at once. It was measured with one prompt: several short ones have fewer pairs of
 * tokens than a long one, so what they take alone replaces what the long one takes alone.
 */
function attentionOf(attentionUs: AttentionUs, load: StepLoad, skew: number): number {
  const { prefillTokens, decodes, contextTokens, chunks, chunkTokens, chunkPast } = load
  const mean = decodes > 0 ? contextTokens / decodes : 0
  const longest = mean + skew * (load.contextMax - mean)
  if (chunks === 0) return attentionUs(0, 0, decodes, longest)
  let past = 0
  let alone = 0
  for (let at = 0; at < chunks; at++) {
    past += chunkPast[at]!
    alone += attentionUs(chunkTokens[at]!, chunkPast[at]!, 0, 0)
  }
  const together = attentionUs(prefillTokens, past, decodes, longest)
  return chunks === 1 ? together : together + alone - attentionUs(prefillTokens, past, 0, 0)
}

function readCurves(path: string): Map<string, Curve> {
  const points = new Map<string, [number, number][]>()
  for (const [layer, at, us] of readRows(path)) {
    const list = points.get(layer!) ?? []
    list.push([Number(at), Number(us)])
    points.set(layer!, list)
  }
  return new Map([...points].map(([layer, list]) => [layer, curve(list)]))
}

/** Linear between the points, and on beyond the last one; flat before the first. */
function curve(points: readonly (readonly [number, number])[]): Curve {
  const sorted = points.toSorted((a, b) => a[0] - b[0])
  const xs = Float64Array.from(sorted, ([x]) => x)
  const ys = Float64Array.from(sorted, ([, y]) => y)
  return (at) => {
    const low = bracket(xs, at)
    const high = Math.min(xs.length - 1, low + 1)
    if (high === low || at <= xs[0]!) return ys[low]!
    return ys[low]! + ((ys[high]! - ys[low]!) * (at - xs[low]!)) / (xs[high]! - xs[low]!)
  }
}

/** Index of the last value that is not above `at`, but never the last index where there are two. */
function bracket(values: ArrayLike<number>, at: number): number {
  let low = 0
  for (let index = 1; index < values.length - 1 && values[index]! <= at; index++) low = index
  return low
}

/**
 * Attention by (tokens of prompts, their past, sequences that decode, their context): between the four measured pairs
 * around (prompt tokens, sequences), each of them interpolated in past and context.
 */
function readAttention(path: string): AttentionUs {
  const cells = new Map<string, Map<number, [number, number][]>>()
  const chunks = new Set<number>()
  const counts = new Set<number>()
  for (const [chunk, past, decodes, context, us] of readRows(path)) {
    chunks.add(Number(chunk))
    counts.add(Number(decodes))
    const cell = cells.get(`${chunk}/${decodes}`) ?? new Map<number, [number, number][]>()
    const row = cell.get(Number(past)) ?? []
    row.push([Number(context), Number(us)])
    cell.set(Number(past), row)
    cells.set(`${chunk}/${decodes}`, cell)
  }
  const surfaces = new Map([...cells].map(([key, cell]) => [key, surface(cell)]))
  const chunkAxis = Float64Array.from(chunks).sort()
  const countAxis = Float64Array.from(counts).sort()
  return (chunk, past, decodes, context) =>
    blend(chunkAxis, chunk, (x) =>
      blend(countAxis, decodes, (y) => {
        if (x === 0 && y === 0) return 0
        return surfaces.get(`${x}/${y}`)?.(past, context) ?? Number.NaN
      }),
    )
}

/** Linear between the neighbours that were measured. */
function blend(axis: Float64Array, at: number, valueAt: (x: number) => number): number {
  const low = bracket(axis, at)
  const x0 = axis[low]!
  const x1 = axis[Math.min(axis.length - 1, low + 1)]!
  const first = valueAt(x0)
  if (at <= x0 || x1 === x0) return first
  const second = valueAt(x1)
  if (Number.isNaN(first)) return second
  if (Number.isNaN(second)) return first
  return first + ((second - first) * (at - x0)) / (x1 - x0)
}

function surface(rows: Map<number, [number, number][]>): (past: number, context: number) => number {
  const pasts = Float64Array.from(rows.keys()).sort()
  const curves = new Map([...rows].map(([past, points]) => [past, curve(points)]))
  return (past, context) => blend(pasts, past, (x) => curves.get(x)!(context))
}

function readMoe(path: string): (tokens: number, experts: number) => number {
  const rows = new Map<number, [number, number][]>()
  for (const [tokens, experts, us] of readRows(path)) {
    const list = rows.get(Number(tokens)) ?? []
    list.push([Number(experts), Number(us)])
    rows.set(Number(tokens), list)
  }
  return surface(rows)
}

const readRows = (path: string): string[][] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','))

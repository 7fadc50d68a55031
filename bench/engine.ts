import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { prepareBundled } from '../src/models/bundled/prepare.ts'
import {
  startLibrary,
  startLlamaServer,
  startOurs,
  type Contender,
  type Setup,
} from './engine/contenders.ts'
import type { Burst, BurstResult } from './engine/load.ts'

/**
 * The embedded engine over HTTP, beside node-llama-cpp called directly and, where given, llama.cpp's own server:
 * the same weights, threads, sampling and prompts, in interleaved rounds. See README.md.
 */
const { values } = parseArgs({
  options: {
    tinyllama: { type: 'string' },
    'llama-server': { type: 'string' },
    threads: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    streams: { type: 'string', default: '1,4,8,16' },
    /** Only the model of this title's beginning. */
    only: { type: 'string', default: '' },
  },
})
const streamCounts = values.streams.split(',').map(Number)
const rounds = Number(values.rounds)

const words =
  'Ada Bert Cleo Dora Emil Fritz Gerd Hans Ida Jan Kurt Lena Max Nora Otto Paul Quinn Rosa'.split(
    ' ',
  )

const minimind = await prepareBundled('minimind2-small', join(tmpdir(), 'baleen-bench-models'))
await compare({
  title: 'MiniMind2-Small 26M',
  setup: { model: minimind, contextTokens: 512 },
  tokens: 128,
  wrap: (question) => `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`,
})
if (values.tinyllama)
  await compare({
    title: 'TinyLlama 1.1B',
    setup: { model: values.tinyllama, contextTokens: 256 },
    tokens: 16,
    wrap: (question) => `<|user|>\n${question}</s>\n<|assistant|>\n`,
  })

interface Subject {
  readonly title: string
  readonly setup: Pick<Setup, 'model' | 'contextTokens'>
  /** A stream. */
  readonly tokens: number
  /** The model's chat form: left to babble it writes what llama-server refuses to send. */
  readonly wrap: (question: string) => string
}

async function compare({ title, setup: model, tokens, wrap }: Subject): Promise<void> {
  if (!title.startsWith(values.only)) return
  const setup: Setup = {
    ...model,
    sequences: Math.max(...streamCounts),
    batchTokens: 512,
    threads: Number(values.threads),
  }
  const contenders = [await startOurs(setup), await startLibrary(setup)]
  if (values['llama-server']) contenders.push(await startLlamaServer(values['llama-server'], setup))
  const results = new Map<string, BurstResult[]>()
  try {
    for (let round = -1; round < rounds; round++)
      for (const streams of streamCounts)
        // The order turns with every round, so that no contender always follows the same one.
        for (const contender of rotate(contenders, round + 1)) {
          const result = await runUntilWhole(contender, (attempt) => ({
            prompts: promptsFor(streams, round + 100 * attempt).map(wrap),
            tokens,
          }))
          const key = `${contender.name} ${streams}`
          if (round >= 0) results.set(key, [...(results.get(key) ?? []), result])
        }
    print(`${title}, ${setup.threads} thread(s), ${tokens} tokens a stream`, contenders, results)
  } finally {
    for (const contender of contenders) contender.stop()
  }
}

/** llama-server breaks off now and then where a small model writes odd text: the burst is run again with others. */
async function runUntilWhole(
  contender: Contender,
  burst: (attempt: number) => Burst,
): Promise<BurstResult> {
  for (let attempt = 0; ; attempt++)
    try {
      return await contender.run(burst(attempt))
    } catch (thrown) {
      if (attempt === 5) throw thrown
    }
}

function print(
  title: string,
  contenders: readonly Contender[],
  results: ReadonlyMap<string, readonly BurstResult[]>,
): void {
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  write(`\n## ${title}, median of ${rounds} interleaved rounds\n`)
  write('| streams | contender | tokens/s | TTFT p50 ms | ours / it | RSS MiB |')
  write('|--:|---|--:|--:|--:|--:|')
  for (const streams of streamCounts)
    for (const contender of contenders) {
      const own = results.get(`ours ${streams}`) ?? []
      const its = results.get(`${contender.name} ${streams}`) ?? []
      const ratios = its.map((result, round) => own[round]!.tokensPerS / result.tokensPerS)
      write(
        `| ${[
          streams,
          contender.name,
          median(its.map((result) => result.tokensPerS)).toFixed(1),
          median(its.flatMap((result) => result.ttftMs)).toFixed(0),
          median(ratios).toFixed(2),
          contender.rssMiB().toFixed(0),
        ].join(' | ')} |`,
      )
    }
}

/** They differ from the first word on: nobody's prefix cache shall help. */
function promptsFor(streams: number, round: number): string[] {
  return Array.from(
    { length: streams },
    (_, index) =>
      `${words[(index + 7 * (round + 1)) % words.length]} ${index} ${round}: tell me a story about the sea and a ship.`,
  )
}

function rotate<Item>(items: readonly Item[], by: number): Item[] {
  return items.map((_, index) => items[(index + by) % items.length]!)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

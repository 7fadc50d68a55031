/**
 * The gateway beside what it is measured against: `node bench/gateway.ts [--requests] [--streams] [--first] [--prompts]
 * [--memory MINUTES] [--portkey DIR] [--unpinned] [--rounds 3] [--seconds 5]`. See bench/README.md.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import {
  close,
  cpuUs,
  onCore,
  rssMiB,
  startBaleen,
  startBare,
  startHaproxy,
  startNginx,
  startPortkey,
  startUpstream,
  type Contender,
} from './gateway/contenders.ts'
import { run, runWrk, type LoadResult } from './gateway/load.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'boolean', default: false },
    streams: { type: 'boolean', default: false },
    first: { type: 'boolean', default: false },
    prompts: { type: 'boolean', default: false },
    memory: { type: 'string' },
    portkey: { type: 'string' },
    unpinned: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    concurrency: { type: 'string', default: '256' },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const paceMs = 20
const frames = 64
const shortFrames = 4
const isAll =
  !values.requests &&
  !values.streams &&
  !values.first &&
  !values.prompts &&
  values.memory === undefined

const quantile = (figures: readonly number[], share: number): number =>
  figures.toSorted((a, b) => a - b)[Math.floor(figures.length * share)] ?? NaN
const median = (figures: readonly number[]): number => quantile(figures, 0.5)
const ask = (content: string): string =>
  JSON.stringify({
    model: 'bench',
    messages: [
      { role: 'system', content: 'You are a helpful assistant.' },
      { role: 'user', content },
    ],
    max_tokens: 64,
    temperature: 0.7,
  })
const shortBody = ask('What is the capital of France? Answer in one sentence.')
/** 312 KB of text with the quotes and line ends that real prompts have. */
const longBody = ask('The quick brown fox "jumps" over\nthe lazy dog. '.repeat(6230))

interface Run extends LoadResult {
  readonly cpuUs: number
}

async function measure(one: Contender, body: string, connections: number): Promise<Run> {
  // While the others had their turn it gave memory back, which costs again at first.
  await runWrk({ ...one, body, connections, seconds: 1 })
  const before = cpuUs(one.pids)
  const result = await runWrk({ ...one, body, connections, seconds })
  if (result.failed > 0) console.log(`  ${one.name}: ${result.failed} of ${result.requests} failed`)
  return { ...result, cpuUs: (cpuUs(one.pids) - before) / result.requests }
}

/** Until its code is compiled: some ten thousand requests, or what it does in 20 s. */
async function warm(one: Contender): Promise<void> {
  let sent = 0
  const untilMs = performance.now() + 20_000
  while (sent < 40_000 && performance.now() < untilMs)
    sent += (await runWrk({ ...one, body: shortBody, connections: 32, seconds: 2 })).requests
}

/** Every contender once a round, so that what else the machine does hits all alike. */
async function interleave(
  contenders: readonly Contender[],
  act: (one: Contender) => Promise<Run>,
): Promise<Map<Contender, Run[]>> {
  const runs = new Map<Contender, Run[]>(contenders.map((one) => [one, []]))
  for (let round = 0; round < rounds; round++)
    for (const one of contenders) runs.get(one)!.push(await act(one))
  return runs
}

const of = (runs: readonly Run[], name: keyof Run): number => median(runs.map((run) => run[name]))

async function benchRequests(contenders: readonly Contender[], direct: Contender): Promise<void> {
  console.log(`\nrequests: 32 connections, ${rounds} rounds of ${seconds} s, medians`)
  for (const one of contenders) await warm(one)
  const busy = await interleave(contenders, (one) => measure(one, shortBody, 32))
  const [baleen, bare] = contenders
  for (const [one, runs] of busy)
    console.log(
      `  ${one.name.padEnd(22)} ${of(runs, 'requestsPerS').toFixed(0).padStart(7)} req/s  ${of(runs, 'cpuUs').toFixed(1).padStart(6)} µs CPU/req  p50 ${of(runs, 'p50Ms').toFixed(2)} ms  p99 ${of(runs, 'p99Ms').toFixed(2)} ms  (CPU ${runs.map((run) => run.cpuUs.toFixed(1)).join(' ')})`,
    )
  const gap = of(busy.get(baleen!)!, 'cpuUs') - of(busy.get(bare!)!, 'cpuUs')
  console.log(`  added over the bare pipe: ${gap.toFixed(1)} µs CPU/req (bar 25, aim 15)`)
  for (const [one, runs] of busy)
    if (one !== baleen)
      console.log(
        `  baleen ÷ ${one.name}: ${(of(busy.get(baleen!)!, 'requestsPerS') / of(runs, 'requestsPerS')).toFixed(2)} × req/s`,
      )

  await benchOneConnection([direct, ...contenders], direct)
}

/**
 * Many turns of one second, each beside the upstream's own of the same round: p99 of a shared machine is mostly what
 * others do on it, so the quiet quarter of the rounds says more of a proxy than the middle one.
 */
async function benchOneConnection(all: readonly Contender[], direct: Contender): Promise<void> {
  const turns = rounds * 5
  console.log(
    `\nrequests: 1 connection, ${turns} turns of 1 s, latency added to the upstream’s own`,
  )
  const calm = new Map<Contender, LoadResult[]>(all.map((one) => [one, []]))
  for (let turn = 0; turn < turns; turn++)
    for (const one of all)
      calm.get(one)!.push(await runWrk({ ...one, body: shortBody, connections: 1, seconds: 1 }))
  const own = calm.get(direct)!
  for (const [one, runs] of calm) {
    const added = (name: 'p50Ms' | 'p99Ms', share: number) =>
      quantile(
        runs.map((run, turn) => run[name] - (one === direct ? 0 : own[turn]![name])),
        share,
      ).toFixed(3)
    console.log(
      `  ${one.name.padEnd(22)} p50 ${added('p50Ms', 0.5)} ms  p99 ${added('p99Ms', 0.5)} ms, in the quiet quarter ${added('p99Ms', 0.25)}`,
    )
  }
}

async function benchPrompts(contenders: readonly Contender[]): Promise<void> {
  console.log(`\nprompts of ${Math.round(longBody.length / 1000)} KB, 8 connections`)
  const runs = await interleave(contenders, (one) => measure(one, longBody, 8))
  for (const [one, of1] of runs)
    console.log(
      `  ${one.name.padEnd(22)} ${of(of1, 'requestsPerS').toFixed(0).padStart(6)} req/s  ${of(of1, 'cpuUs').toFixed(0).padStart(5)} µs CPU/req = ${(1e6 / of(of1, 'cpuUs')).toFixed(0)} req/s a core`,
    )
}

interface StreamResult {
  readonly frames: number
  readonly finished: number
  readonly failed: number
  readonly stalls: number
  readonly firstMsP99: number
  readonly frameMsP50: number
  readonly frameMsP99: number
  readonly firstMsP50: number
}

async function readStreams(
  one: Contender,
  streams: number,
  isWarm = false,
): Promise<StreamResult & { readonly cpuUs: number }> {
  const client = join(import.meta.dirname, 'gateway/stream-client.ts')
  const settings = {
    url: one.url,
    headers: JSON.stringify(one.headers),
    streams,
    seconds: seconds * 2,
    paceMs,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`])
  const read = () => run(onCore(1, [process.execPath, client, ...flags]))
  if (!isWarm) await read()
  const before = cpuUs(one.pids)
  const result = JSON.parse(await read()) as StreamResult
  return { ...result, cpuUs: (cpuUs(one.pids) - before) / result.frames }
}

/** Short streams, many a second, on processes whose code is compiled: what a proxy adds before the first frame. */
async function benchFirstFrame(): Promise<void> {
  const streams = 8
  const upstream = await startUpstream(paceMs, shortFrames)
  console.log(
    `\nfirst frame of streams of ${shortFrames} frames, ${streams} at a time: added delay`,
  )
  const direct: Contender = { name: 'direct', url: upstream, pids: [], headers: {} }
  const bare = await startBare(upstream)
  const others = [await startNginx(upstream), await startHaproxy(upstream)]
  const contenders = [await startBaleen(upstream), bare, ...others.filter((one) => one !== null)]
  for (const one of contenders) await warm(one)
  const all = [direct, ...contenders]
  const delays = new Map(all.map((one) => [one, { p50: [] as number[], p99: [] as number[] }]))
  for (let round = 0; round < rounds; round++)
    for (const one of all) {
      const { firstMsP50, firstMsP99 } = await readStreams(one, streams, round > 0)
      delays.get(one)!.p50.push(firstMsP50)
      delays.get(one)!.p99.push(firstMsP99)
    }
  const own = delays.get(direct)!
  for (const one of contenders) {
    const { p50, p99 } = delays.get(one)!
    console.log(
      `  ${one.name.padEnd(22)} +p50 ${(median(p50) - median(own.p50)).toFixed(3)} ms  +p99 ${(median(p99) - median(own.p99)).toFixed(3)} ms (rounds ${p99.map((ms) => ms.toFixed(2)).join(' ')})`,
    )
  }
}

async function benchStreams(contenders: readonly Contender[], direct: Contender): Promise<void> {
  const most = Number(values.concurrency)
  for (const streams of [16, most]) {
    console.log(`\n${streams} streams of ${frames} frames, one every ${paceMs} ms`)
    const all = [direct, ...contenders]
    const results = new Map(all.map((one) => [one, [] as (StreamResult & { cpuUs: number })[]]))
    for (let round = 0; round < rounds; round++)
      for (const one of all) results.get(one)!.push(await readStreams(one, streams))
    const mid = (one: Contender, name: keyof StreamResult | 'cpuUs') =>
      median(results.get(one)!.map((result) => result[name]))
    for (const one of all)
      console.log(
        `  ${one.name.padEnd(22)} ${mid(one, 'frames')} frames  stalls ${mid(one, 'stalls')}  failed ${mid(one, 'failed')}  ${mid(one, 'cpuUs').toFixed(1)} µs CPU/frame  first p50 ${mid(one, 'firstMsP50').toFixed(2)} p99 ${mid(one, 'firstMsP99').toFixed(2)} ms  frame p50 ${mid(one, 'frameMsP50').toFixed(2)} p99 ${mid(one, 'frameMsP99').toFixed(2)} ms`,
      )
    const [baleen, bare] = contenders
    console.log(
      `  CPU a frame: ${(mid(baleen!, 'cpuUs') / mid(bare!, 'cpuUs')).toFixed(2)} × the bare pipe (bar 1.2); TTFT p99 +${(mid(baleen!, 'firstMsP99') - mid(direct, 'firstMsP99')).toFixed(2)} ms`,
    )
  }
}

async function benchMemory(baleen: Contender, minutes: number): Promise<void> {
  const idle = rssMiB(baleen.pids)
  console.log(`\nmemory: idle ${idle.toFixed(0)} MiB (bar 120)`)
  const untilMs = performance.now() + minutes * 60_000
  let peak = idle
  const watch = setInterval(() => (peak = Math.max(peak, rssMiB(baleen.pids))), 500)
  while (performance.now() < untilMs) {
    await measure(baleen, shortBody, 64)
    await measure(baleen, longBody, 8)
    await readStreams(baleen, 128)
  }
  clearInterval(watch)
  for (const after of [0, 20, 40, 60]) {
    await sleep(after === 0 ? 0 : 20_000)
    const now = rssMiB(baleen.pids)
    console.log(
      `  ${after} s after ${minutes} minutes of load: ${now.toFixed(0)} MiB = ${(now / idle).toFixed(2)} × idle`,
    )
  }
  console.log(`  peak ${peak.toFixed(0)} MiB`)
}

try {
  const upstream = await startUpstream(paceMs, frames)
  const direct: Contender = { name: 'direct', url: upstream, pids: [], headers: {} }
  const baleen = await startBaleen(upstream)
  await sleep(1000)
  // First, before anything has warmed up: idle is what a fresh process takes.
  if (values.memory !== undefined) await benchMemory(baleen, Number(values.memory))
  const bare = await startBare(upstream)
  const others = [
    await startNginx(upstream),
    await startHaproxy(upstream),
    values.portkey === undefined ? null : await startPortkey(upstream, values.portkey),
  ].filter((one) => one !== null)
  if (isAll || values.requests) await benchRequests([baleen, bare, ...others], direct)
  if (isAll || values.prompts) await benchPrompts([baleen, bare, ...others])
  if (isAll || values.streams) await benchStreams([baleen, bare, ...others.slice(0, 2)], direct)
  if (isAll || values.first) await benchFirstFrame()
} finally {
  close()
}
process.exit(0)

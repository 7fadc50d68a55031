import { connect } from 'node:net'
import { parseArgs } from 'node:util'

/**
 * Reads many paced streams over raw sockets and prints what it saw as JSON: a process of its own, on the upstream's
 * core. Every frame carries the nanosecond it was written at, so delays need no second clock; the first counts from the
 * moment the request was written.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    headers: { type: 'string', default: '{}' },
    streams: { type: 'string', default: '256' },
    seconds: { type: 'string', default: '10' },
    paceMs: { type: 'string', default: '20' },
  },
})
const { hostname, port } = new URL(values.url!)
const paceMs = Number(values.paceMs)
const body = JSON.stringify({
  model: 'bench',
  stream: true,
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
}).replace('"stream": true', '"stream":true')
const head = Object.entries(JSON.parse(values.headers) as Record<string, string>)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('')
const request = `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\n${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`

const firstDelays: number[] = []
const delays: number[] = []
let frames = 0
let stalls = 0
let finished = 0
let failed = 0
const untilMs = performance.now() + Number(values.seconds) * 1000

function open(): void {
  const socket = connect(Number(port), hostname)
  socket.setNoDelay(true)
  let lastAtMs = 0
  let seen = 0
  let askedNs = 0n
  const ask = () => {
    askedNs = process.hrtime.bigint()
    lastAtMs = 0
    seen = 0
    socket.write(request)
  }
  socket.on('connect', ask)
  socket.on('error', () => failed++)
  socket.on('data', (chunk: Buffer) => {
    const nowNs = process.hrtime.bigint()
    const nowMs = performance.now()
    const text = chunk.toString('latin1')
    for (const [, stamp] of text.matchAll(/"content":" (\d+)"/g)) {
      if (seen === 0) firstDelays.push(Number(nowNs - askedNs) / 1e6)
      else delays.push(Number(nowNs - BigInt(stamp!)) / 1e6)
      seen++
      frames++
    }
    if (lastAtMs > 0 && nowMs - lastAtMs > 10 * paceMs) stalls++
    lastAtMs = nowMs
    if (!text.includes('[DONE]')) return
    finished++
    // Its next stream begins at another moment than the others': as clients do.
    if (nowMs < untilMs) setTimeout(ask, Math.random() * 2 * paceMs)
    else socket.destroy()
  })
}

const quantile = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[
    Math.min(values.length - 1, Math.floor(values.length * share))
  ] ?? NaN

for (let stream = 0; stream < Number(values.streams); stream++)
  setTimeout(open, (stream / Number(values.streams)) * 1000)
const watch = setInterval(() => {
  if (performance.now() < untilMs + 4000) return
  clearInterval(watch)
  const result = {
    frames,
    finished,
    failed,
    stalls,
    firstMsP50: quantile(firstDelays, 0.5),
    firstMsP99: quantile(firstDelays, 0.99),
    frameMsP50: quantile(delays, 0.5),
    frameMsP99: quantile(delays, 0.99),
  }
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
}, 100)

/**
 * A server that costs little and whose pace is known, in a process of its own: `node mock-server.ts MODE`.
 * small: a short JSON answer at once. burst: a whole stream of EVENTS in one write. paced: a stream of EVENTS, one
 * every GAP_MS. Prints its port; GET /stats tells the CPU it used and when requests came.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net'

const mode = process.argv[2] ?? 'small'
const events = Number(process.env['EVENTS'] ?? 16)
const gapMs = Number(process.env['GAP_MS'] ?? 20)
const firstMs = Number(process.env['FIRST_MS'] ?? gapMs)

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const event = (data: string) => chunk(`data: ${data}\n\n`)
const delta = (content: object, finish: string | null) =>
  JSON.stringify({
    id: 'chatcmpl-0123456789abcdef',
    object: 'chat.completion.chunk',
    created: 1_760_000_000,
    model: 'mock',
    choices: [{ index: 0, delta: content, logprobs: null, finish_reason: finish }],
  })
const head =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
const token = event(delta({ content: ' token' }, null))
const usage = { prompt_tokens: 8, completion_tokens: events, total_tokens: 8 + events }
const tail =
  event(delta({}, 'stop')) +
  event(JSON.stringify({ choices: [], usage })) +
  event('[DONE]') +
  chunk('')
const body = JSON.stringify({
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 8, completion_tokens: 1 },
})
const small = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
)
const burst = Buffer.from(head + token.repeat(events) + tail)
const headBytes = Buffer.from(head)
const tokenBytes = Buffer.from(token)
const tailBytes = Buffer.from(tail)

const arrivalsMs: number[] = []
const writeDelaysMs: number[] = []
let openStreams = 0
let peakStreams = 0

/** One timer for all streams: each event goes out when it is due, and how late that was is kept. */
interface Stream {
  readonly socket: Socket
  readonly startMs: number
  sent: number
}
const streams = new Set<Stream>()
setInterval(() => {
  const nowMs = performance.now()
  for (const stream of streams) {
    const dueMs = stream.startMs + firstMs + stream.sent * gapMs
    if (nowMs < dueMs) continue
    if (stream.socket.destroyed) {
      streams.delete(stream)
      continue
    }
    if (stream.sent < events) stream.socket.write(tokenBytes)
    else {
      stream.socket.write(tailBytes)
      streams.delete(stream)
      openStreams--
    }
    if (writeDelaysMs.length < 2e6) writeDelaysMs.push(nowMs - dueMs)
    stream.sent++
  }
}, 1)

function answer(socket: Socket, line: string): void {
  if (line.startsWith('GET /stats')) {
    const sorted = Float64Array.from(writeDelaysMs).sort()
    const text = JSON.stringify({
      cpu: process.cpuUsage(),
      arrivalsMs,
      peakStreams,
      writeDelayMsP99: sorted[Math.floor(sorted.length * 0.99)] ?? null,
    })
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
    return
  }
  if (!line.startsWith('POST')) {
    socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n')
    return
  }
  arrivalsMs.push(performance.now())
  if (mode === 'small') socket.write(small)
  else if (mode === 'burst') socket.write(burst)
  else {
    socket.write(headBytes)
    streams.add({ socket, startMs: performance.now(), sent: 0 })
    peakStreams = Math.max(peakStreams, ++openStreams)
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest = ''
  socket.setEncoding('latin1')
  socket.on('error', () => {})
  socket.on('data', (text) => {
    rest += String(text)
    for (;;) {
      const end = rest.indexOf('\r\n\r\n')
      if (end === -1) return
      const length = Number(/content-length: *(\d+)/i.exec(rest.slice(0, end))?.[1] ?? 0)
      if (rest.length < end + 4 + length) return
      const line = rest.slice(0, 60)
      rest = rest.slice(end + 4 + length)
      answer(socket, line)
    }
  })
})
server.listen({ port: Number(process.env['PORT'] ?? 0), host: '127.0.0.1', backlog: 8192 }, () =>
  console.log((server.address() as AddressInfo).port),
)

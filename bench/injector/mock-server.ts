/**
 * A server that costs little, whose pace is known and which remembers what it really did, in a process of its own:
 * `node mock-server.ts MODE`. small: a short JSON answer at once. paced: a stream of EVENTS tokens, the first after
 * FIRST_MS, then one every GAP_MS; with ROLE_MS a role-only chunk before them. Prints its port. GET /stats tells the CPU
 * it used and, of every request, when it came and when its first and last token were written, on the clock that all
 * processes of this machine share.
 */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createRunClock } from '../../src/injector/drive/run-clock.ts'

const mode = process.argv[2] ?? 'small'
const events = Number(process.env['EVENTS'] ?? 16)
const gapMs = Number(process.env['GAP_MS'] ?? 20)
const firstMs = Number(process.env['FIRST_MS'] ?? gapMs)
const roleMs = process.env['ROLE_MS'] === undefined ? null : Number(process.env['ROLE_MS'])
const now = createRunClock()

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const event = (data: string) => chunk(`data: ${data}\n\n`)
const id = 'chatcmpl-0123456789abcdef'
const eventData = (choice: object) =>
  JSON.stringify({
    id,
    object: 'chat.completion.chunk',
    created: 1_760_000_000,
    model: 'mock',
    choices: [{ index: 0, logprobs: null, ...choice }],
  })
const headBytes = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n',
)
const usage = { prompt_tokens: 8, completion_tokens: events, total_tokens: 8 + events }
/** The writes of one stream, for chat or for completions. */
interface Writes {
  readonly role: Buffer
  readonly token: Buffer
  readonly tail: Buffer
}
const writesOf = (choice: (text: string, finish: string | null) => object): Writes => ({
  role: Buffer.from(event(eventData(choice('', null)))),
  token: Buffer.from(event(eventData(choice(' token', null)))),
  tail: Buffer.from(
    event(eventData(choice('', 'stop'))) +
      event(JSON.stringify({ id, choices: [], usage })) +
      event('[DONE]') +
      chunk(''),
  ),
})
const chatWrites = writesOf((content, finish) => ({
  delta: content === '' && finish === null ? { role: 'assistant', content } : { content },
  finish_reason: finish,
}))
const completionWrites = writesOf((text, finish) => ({ text, finish_reason: finish }))
const jsonAnswer = (value: unknown) => {
  const body = JSON.stringify(value)
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
const smallBytes = Buffer.from(
  jsonAnswer({
    choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 8, completion_tokens: 1, total_tokens: 9 },
  }),
)

/** What really became of one request. */
export interface MockRecord {
  readonly id: string
  readonly arrivedMs: number
  firstTokenMs: number
  lastTokenMs: number
}
export interface MockStats {
  readonly cpuUs: number
  /** When each request came. */
  readonly arrivedMs: readonly number[]
  /** Of streams only. */
  readonly records: readonly MockRecord[]
  /** Tokens written. */
  readonly events: number
  readonly peakStreams: number
  readonly writeDelayMsP99: number | null
}

interface Stream {
  readonly socket: Socket
  readonly record: MockRecord
  readonly writes: Writes
  /** Tokens written. −1: the role-only chunk comes first. */
  sent: number
}
const records: MockRecord[] = []
/** Plain numbers: a collector that walks a hundred thousand objects would make this server late. */
const arrivedMs = new Float64Array(2 ** 20)
let arrivals = 0
const writeDelaysMs: number[] = []
let tokensWritten = 0
let openStreams = 0
let peakStreams = 0

/** Streams by the millisecond in which their next event is due: a tick touches only what is due. */
const wheel: Stream[][] = Array.from({ length: 8192 }, () => [])
let tickMs = Math.floor(now())

const dueMs = ({ record, sent }: Stream): number =>
  record.arrivedMs + (sent < 0 ? roleMs! : firstMs + sent * gapMs)
const enter = (stream: Stream) =>
  wheel[Math.ceil(Math.max(tickMs + 1, dueMs(stream))) % wheel.length]!.push(stream)

setInterval(() => {
  for (const untilMs = Math.floor(now()); tickMs < untilMs;) {
    tickMs++
    const index = tickMs % wheel.length
    const due = wheel[index]!
    if (due.length === 0) continue
    wheel[index] = []
    for (const stream of due) advance(stream)
  }
}, 1)

function advance(stream: Stream): void {
  const { socket, record, writes } = stream
  if (socket.destroyed || stream.sent === events) {
    if (!socket.destroyed) socket.write(writes.tail)
    openStreams--
    return
  }
  const atMs = now()
  if (writeDelaysMs.length < 2e6) writeDelaysMs.push(atMs - dueMs(stream))
  if (stream.sent < 0) socket.write(writes.role)
  else {
    if (stream.sent === 0) record.firstTokenMs = atMs
    record.lastTokenMs = atMs
    tokensWritten++
    socket.write(writes.token)
  }
  stream.sent++
  enter(stream)
}

function answer(socket: Socket, head: string): void {
  if (head.startsWith('GET /stats')) {
    const sorted = Float64Array.from(writeDelaysMs).sort()
    const cpu = process.cpuUsage()
    const stats: MockStats = {
      cpuUs: cpu.user + cpu.system,
      arrivedMs: [...arrivedMs.subarray(0, arrivals)],
      records,
      events: tokensWritten,
      peakStreams,
      writeDelayMsP99: sorted[Math.floor(sorted.length * 0.99)] ?? null,
    }
    socket.write(jsonAnswer(stats))
    return
  }
  if (head.startsWith('GET /v1/models')) {
    socket.write(jsonAnswer({ object: 'list', data: [{ id: 'mock', object: 'model' }] }))
    return
  }
  if (head.startsWith('GET /health')) {
    socket.write(jsonAnswer({ status: 'ok' }))
    return
  }
  if (!head.startsWith('POST')) {
    socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n')
    return
  }
  const atMs = now()
  if (arrivals < arrivedMs.length) arrivedMs[arrivals++] = atMs
  if (mode === 'small') {
    socket.write(smallBytes)
    return
  }
  const record: MockRecord = {
    id: /\r\nx-request-id: *([^\r]*)/i.exec(head)?.[1] ?? '',
    arrivedMs: atMs,
    firstTokenMs: NaN,
    lastTokenMs: NaN,
  }
  records.push(record)
  socket.write(headBytes)
  const writes = head.startsWith('POST /v1/completions') ? completionWrites : chatWrites
  enter({ socket, record, writes, sent: roleMs === null ? 0 : -1 })
  peakStreams = Math.max(peakStreams, ++openStreams)
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
      const head = rest.slice(0, end)
      const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      if (rest.length < end + 4 + length) return
      rest = rest.slice(end + 4 + length)
      answer(socket, head)
    }
  })
})
server.listen({ port: Number(process.env['PORT'] ?? 0), host: '127.0.0.1', backlog: 8192 }, () =>
  console.log((server.address() as AddressInfo).port),
)

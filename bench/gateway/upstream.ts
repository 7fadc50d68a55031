import { createServer, type Socket } from 'node:net'

/**
 * The engine of the gateway benchmark: answers at once, on bare sockets, so that the cost seen is the proxy's.
 * `/v1/chat/completions` with `"stream":true`: `frames` frames, `paceMs` apart. argv: port, paceMs, frames.
 */
const [port = '0', paceMs = '20', frames = '64'] = process.argv.slice(2)

const answer = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'bench',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'The capital of France is Paris.' },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 24, completion_tokens: 8, total_tokens: 32 },
})
const whole = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: keep-alive\r\ncontent-length: ${answer.length}\r\n\r\n${answer}`,
)
const streamHead =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n'
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const event = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const base = {
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_700_000_000,
  model: 'bench',
}
const usage = {
  prompt_tokens: 24,
  completion_tokens: Number(frames),
  total_tokens: 24 + Number(frames),
}
const tail = `${chunk(event({ ...base, choices: [], usage }))}${chunk('data: [DONE]\n\n')}0\r\n\r\n`
// Each frame carries when it was sent, so that a client can tell the proxy's part of its delay.
const frame = (sentAt: string) =>
  chunk(
    event({
      ...base,
      choices: [{ index: 0, delta: { content: ` ${sentAt}` }, finish_reason: null }],
    }),
  )

/** Streams that are due together are written in one turn of the loop, as an engine's step does. */
const streams = new Set<{ socket: Socket; left: number; dueMs: number }>()
function step(): void {
  const now = performance.now()
  const stamp = frame(process.hrtime.bigint().toString())
  for (const stream of streams) {
    if (stream.dueMs > now) continue
    stream.dueMs += Number(paceMs)
    stream.left--
    stream.socket.write(stream.left > 0 ? stamp : stamp + tail)
    if (stream.left === 0 || stream.socket.destroyed) streams.delete(stream)
  }
}
setInterval(step, 1)

function respond(socket: Socket, isStream: boolean): void {
  if (!isStream) return void socket.write(whole)
  socket.write(streamHead + frame(process.hrtime.bigint().toString()))
  streams.add({ socket, left: Number(frames) - 1, dueMs: performance.now() + Number(paceMs) })
}

const server = createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('error', () => {})
  let missing = -1
  let pending = Buffer.alloc(0)
  let isStream = false
  socket.on('data', (bytes) => {
    if (missing > 0) {
      missing -= bytes.length
    } else {
      const head = pending.length > 0 ? Buffer.concat([pending, bytes]) : bytes
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return void (pending = head)
      pending = Buffer.alloc(0)
      const text = head.toString('latin1', 0, end)
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0)
      isStream = head.subarray(end).includes('"stream":true')
      missing = length - (head.length - end - 4)
    }
    if (missing <= 0) respond(socket, isStream)
  })
})
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(
    `${JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 })}\n`,
  )
})

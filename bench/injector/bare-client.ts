/**
 * The least that a client can do on this host: keep-alive sockets, bytes counted and not read, requests paced by a timer
 * of one millisecond. What ours costs above it is ours to answer for. Runs as a worker thread, as the injector's own.
 */
import { connect, type Socket } from 'node:net'
import { parentPort, Worker, workerData } from 'node:worker_threads'

export interface BareTask {
  readonly port: number
  readonly ratePerS: number
  readonly durationMs: number
  /** The part of the run at its end, in which processor time is counted. */
  readonly steadyFromMs: number
  readonly isStreaming: boolean
}

export interface BareResult {
  readonly requests: number
  readonly bytes: number
  /** Of the steady part: requests sent, bytes received, processor time. */
  readonly steady: { readonly requests: number; readonly bytes: number; readonly cpuUs: number }
  readonly lateMs: readonly number[]
}

const socketsMax = 4000
const readBufferBytes = 256 * 1024
const twoLineEnds = 0x0d0a0d0a
const digit0 = 0x30

export function runBareClient(task: BareTask): Promise<BareResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task, execArgv: [] })
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

if (parentPort && workerData) {
  const result = await run(workerData as BareTask)
  parentPort.postMessage(result)
}

async function run(task: BareTask): Promise<BareResult> {
  const { port, ratePerS, durationMs, steadyFromMs, isStreaming } = task
  const body = JSON.stringify({
    model: 'mock',
    messages: [{ role: 'user', content: 'a prompt of about eight words, no more' }],
    max_tokens: 16,
    ...(isStreaming ? { stream: true, stream_options: { include_usage: true } } : {}),
  })
  const request = Buffer.from(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n` +
      `accept: */*\r\nuser-agent: bare\r\nx-request-id: bare-0\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  const buffer = Buffer.allocUnsafeSlow(readBufferBytes)
  const sockets: Socket[] = []
  const idle: Socket[] = []
  const lateMs: number[] = []
  let sent = 0
  let bytes = 0

  function open(): Socket {
    const socket: Socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer,
        callback(length, read) {
          bytes += length
          // A small answer is one read; a stream ends with a chunk of no bytes.
          const isWhole =
            !isStreaming ||
            ((read as Buffer).readUInt32BE(length - 4) === twoLineEnds &&
              read[length - 5] === digit0)
          if (isWhole) idle.push(socket)
          return true
        },
      },
    })
    sockets.push(socket)
    return socket
  }

  const startMs = performance.now()
  let steadyStart: { requests: number; bytes: number; cpuUs: number } | null = null
  const cpuUs = () => {
    const { user, system } = process.threadCpuUsage()
    return user + system
  }
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const nowMs = performance.now() - startMs
      if (steadyStart === null && nowMs >= steadyFromMs)
        steadyStart = { requests: sent, bytes, cpuUs: cpuUs() }
      while (sent < Math.min(nowMs, durationMs) * (ratePerS / 1000)) {
        const socket = idle.pop() ?? (sockets.length < socketsMax ? open() : null)
        // A server that is this far behind would be sent to in vain.
        if (socket === null) break
        lateMs.push(performance.now() - startMs - (sent * 1000) / ratePerS)
        socket.write(request)
        sent++
      }
      if (nowMs < durationMs) return
      clearInterval(timer)
      const steady = {
        requests: sent - steadyStart!.requests,
        bytes: bytes - steadyStart!.bytes,
        cpuUs: cpuUs() - steadyStart!.cpuUs,
      }
      for (const socket of sockets) socket.destroy()
      resolve({ requests: sent, bytes, steady, lateMs })
    }, 1)
  })
}

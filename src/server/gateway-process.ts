import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GatewayRecord } from '../contract/boot.ts'
import type { ChildMessage, SupervisorMessage } from '../contract/ipc.ts'
import { catalogue } from '../core/errors.ts'
import { pairings } from '../engines/pairings.ts'
import { createGateway } from '../gateway/gateway.ts'
import { readSiblings, servePrivately } from '../gateway/metrics-pages.ts'
import { createLog } from '../observability/log.ts'
import { createGatewayMetrics } from '../observability/metrics/gateway.ts'
import { readMetrics, sumMetrics, type MetricValues } from '../observability/metrics/registry.ts'
import { readBoot } from './environment.ts'
import { startTimeOf } from './process-table.ts'

/** Entry of a gateway process: the supervisor starts it, talks to it over IPC and ends it. */

const heartbeatMs = 500
/** Without a supervisor nobody restarts anything here: finish soon, so that the port is free for the next. */
const orphanGraceMs = 5000

const { index, gateways, dataDirectory, config } = readBoot()
const startedAtMs = Date.now()
const runDirectory = join(dataDirectory, 'run')
const recordPath = join(runDirectory, `gateway-${index}.json`)
const log = createLog({ name: `gateway-${index}`, ...config.log })

/** Silence is an answer the supervisor understands; its end is noticed by `disconnect`. */
const send = (message: ChildMessage): void => {
  if (process.connected) process.send?.(message, () => {})
}

const metrics = createGatewayMetrics(() => gateway.state())
const readOwn = () => readMetrics(metrics.registry)
const gateway = createGateway(
  {
    index,
    gateways,
    dataDirectory,
    startedAtMs,
    config: config.gateway,
    logsPrompts: config.log.prompts,
  },
  {
    log,
    meter: metrics,
    pairings,
    sendToSupervisor: send,
    pages: {
      metricsNeedKey: !['127.0.0.1', '::1', 'localhost'].includes(config.gateway.host),
      metrics: async () => {
        const siblings = (await readSiblings(runDirectory, index)) as (readonly MetricValues[])[]
        return sumMetrics([await readOwn(), ...siblings])
      },
    },
  },
)

let isEnding = false
async function end(graceMs: number, why: string): Promise<void> {
  if (isEnding) return
  isEnding = true
  log.info({ why, graceMs }, 'draining')
  rmSync(recordPath, { force: true })
  await gateway.drain(graceMs)
  process.exit(0)
}

process.on('message', (message: SupervisorMessage) => {
  if (message.type === 'drain') void end(config.gateway.drainTimeout, 'the supervisor asked')
  else if (message.type !== 'wake') gateway.receive(message)
})
process.on('disconnect', () => void end(orphanGraceMs, 'the supervisor is gone'))
process.on('SIGTERM', () => void end(config.gateway.drainTimeout, 'SIGTERM'))
process.on('SIGINT', () => void end(config.gateway.drainTimeout, 'SIGINT'))
setInterval(() => send({ type: 'heartbeat' }), heartbeatMs)

const { url } = await servePrivately(readOwn)
const record: GatewayRecord = {
  pid: process.pid,
  startTime: startTimeOf(process.pid) ?? '',
  url,
  index,
  startedAtMs,
}
writeFileSync(recordPath, JSON.stringify(record), { mode: 0o600 })
try {
  const port = await gateway.listen()
  log.info({ port }, 'listening')
  send({ type: 'ready', port })
} catch (thrown) {
  log.error({ err: thrown }, 'can not listen')
  const { host, port } = config.gateway
  const message = `can't listen on ${host}:${port}: ${(thrown as Error).message}`
  const code = 'machine/port-busy'
  process.send?.({ type: 'fatal', code, message, hint: catalogue[code].hint }, () =>
    process.exit(1),
  )
}

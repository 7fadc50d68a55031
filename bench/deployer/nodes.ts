/**
 * Three nodes, network namespaces of this machine with 6 replicas of the embedded engine, under load: one node is killed,
 * a new revision takes over, and is rolled back. As root: `node bench/deployer/nodes.ts`. What counts: requests that
 * failed although no byte had reached the client, so that another replica could have answered.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { serve, type Serving } from '../../test/e2e/serving.ts'
import { startClients, type Clients } from '../../test/support/clients.ts'

const names = ['east', 'middle', 'west'] as const
const namespaceOf = (name: string): string => `baleen-${name}`
const addressOf = (at: number): string => `10.87.${at}.2`
const replicas = 6
const clientCount = 6

const run = (...argv: string[]): string =>
  execFileSync(argv[0]!, argv.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

function addNode(at: number): void {
  const [namespace, link] = [namespaceOf(names[at]!), `bln${at}`]
  run('ip', 'netns', 'add', namespace)
  run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
  run('ip', 'addr', 'add', `10.87.${at}.1/24`, 'dev', link)
  run('ip', 'link', 'set', link, 'up')
  for (const line of [
    `addr add ${addressOf(at)}/24 dev eth0`,
    'link set eth0 up',
    'link set lo up',
  ])
    run('ip', '-n', namespace, ...line.split(' '))
}

/** As pulling the plug: its processes are gone and nothing answers for them. */
function killNode(at: number): void {
  run('ip', '-n', namespaceOf(names[at]!), 'link', 'set', 'eth0', 'down')
  const pids = run('ip', 'netns', 'pids', namespaceOf(names[at]!)).split('\n').filter(Boolean)
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL')
}

function removeNode(at: number): void {
  try {
    const pids = run('ip', 'netns', 'pids', namespaceOf(names[at]!)).split('\n').filter(Boolean)
    for (const pid of pids) process.kill(Number(pid), 'SIGKILL')
    run('ip', 'netns', 'del', namespaceOf(names[at]!))
  } catch {
    // It is not there.
  }
}

const model = 'chat'
const spec = (changes: object) => ({
  name: model,
  model: 'bundled:minimind2-small',
  replicas,
  settings: { threads: 1, contextTokens: 512, ...changes },
  rollout: {
    surge: 2,
    steps: [
      { share: 0.2, bakeTime: '4s' },
      { share: 0.5, bakeTime: '4s' },
    ],
    gate: { requests: 10 },
  },
})

const control = async (serving: Serving, method: string, path: string, body?: unknown) =>
  (await serving.api(method, path, body)).json() as Promise<any>

async function until(
  what: string,
  isTrue: () => Promise<boolean>,
  timeoutMs = 150_000,
): Promise<number> {
  const startMs = performance.now()
  while (!(await isTrue())) {
    if (performance.now() - startMs > timeoutMs)
      throw new Error(`not after ${timeoutMs} ms: ${what}`)
    await delay(50)
  }
  return performance.now() - startMs
}

const dataDirectory = mkdtempSync(join(tmpdir(), 'baleen-nodes-'))
for (const at of names.keys()) removeNode(at)
let serving: Serving | undefined
let clients: Clients | undefined
let failed = 0
try {
  for (const at of names.keys()) addNode(at)
  serving = await serve({
    dataDirectory,
    config: {
      nodes: names.map((name, at) => ({
        name,
        netns: namespaceOf(name),
        address: addressOf(at),
        zone: name,
      })),
      deployments: [spec({})],
    } as never,
  })
  const view = () => control(serving!, 'GET', `/deployments/${model}`)
  const ready = async () =>
    (await view()).replicas.filter((one: { state: string }) => one.state === 'ready').length
  const snapshot = () => readFileSync(join(dataDirectory, 'run', 'snapshot.json'), 'utf8')
  await until('all are ready', async () => (await ready()) === replicas)
  const nodesOf = async () =>
    (await view()).replicas
      .map((one: { node: string }) => one.node)
      .toSorted()
      .join(' ')
  console.log(`${replicas} replicas on: ${await nodesOf()}`)

  clients = startClients(serving, model, clientCount)
  const phase = async (what: string, work: () => Promise<string>): Promise<void> => {
    await delay(3000)
    clients!.take()
    const told = await work()
    await delay(3000)
    const { ok, retryable, brokenStreams, longestMs } = clients!.take()
    failed += retryable.length
    console.log(
      `${what}: ${told}; ${ok} answered, ${retryable.length} failed that could have been retried, ${brokenStreams} streams broken off, slowest ${(longestMs / 1000).toFixed(1)} s`,
    )
    for (const one of retryable.slice(0, 3)) console.log(`  ${one}`)
  }

  await phase('steady', async () => {
    await delay(5000)
    return 'nothing happens'
  })
  await phase('node killed', async () => {
    killNode(2)
    const goneMs = await until(
      'it leaves the snapshot',
      async () => !snapshot().includes(addressOf(2)),
    )
    const backMs = await until('capacity is there again', async () => (await ready()) === replicas)
    return `traffic moved after ${(goneMs / 1000).toFixed(2)} s, detection included; 6 of 6 ready again after ${((goneMs + backMs) / 1000).toFixed(1)} s on: ${await nodesOf()}`
  })
  await phase('new revision', async () => {
    await control(serving!, 'PUT', `/deployments/${model}`, spec({ contextTokens: 768 }))
    let least = Infinity
    const tookMs = await until('it has taken over', async () => {
      const now = await view()
      const count = now.replicas.filter((one: { state: string }) => one.state === 'ready').length
      least = Math.min(least, count)
      return now.rollout === null
    })
    return `took over in ${(tookMs / 1000).toFixed(1)} s over 2 steps, never below ${least} ready`
  })
  await phase('rolled back', async () => {
    await control(serving!, 'POST', `/deployments/${model}/rollback`, {})
    let least = Infinity
    const tookMs = await until('it is back', async () => {
      const now = await view()
      const count = now.replicas.filter((one: { state: string }) => one.state === 'ready').length
      least = Math.min(least, count)
      return now.rollout === null && now.spec.settings.contextTokens === 512
    })
    return `back in ${(tookMs / 1000).toFixed(1)} s, never below ${least} ready`
  })
  await clients.stop()
  console.log(`failed requests that could have been retried: ${failed}`)
  if (failed > 0) process.exitCode = 1
} finally {
  await clients?.stop()
  await serving?.stop().catch(() => {})
  for (const at of names.keys()) removeNode(at)
  rmSync(dataDirectory, { recursive: true, force: true })
}

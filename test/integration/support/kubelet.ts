import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { ControlPlane } from './control-plane.ts'
import { until } from './tools.ts'

/** Stands in for the kubelets of nodes: their pods run in memory only, but the cluster can't tell. */
export interface Kubelets {
  /** A line of output of a pod's engine. */
  say(replica: string, line: string): Promise<void>
  /** Its engine ends by itself. */
  end(replica: string, exitCode: number): Promise<void>
  /** Stops telling that it is alive. */
  lose(node: string): void
  bringBack(node: string): void
  stop(): Promise<void>
}

interface PodObject {
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly uid: string
    readonly labels: Readonly<Record<string, string>>
    readonly deletionTimestamp?: string
    readonly deletionGracePeriodSeconds?: number
  }
  readonly spec: {
    readonly nodeName?: string
    readonly containers: readonly { readonly image: string }[]
  }
  readonly status: { readonly phase: string }
}

interface LocalPod {
  readonly uid: string
  readonly path: string
  restarts: number
  output: string[]
  previous: string[]
}

/** In the words of containerd. */
const notFound = (image: string): string =>
  `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`

const beatMs = 1000
const pollMs = 100
const statusType = 'application/merge-patch+json'

export async function startKubelets(
  plane: ControlPlane,
  nodes: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<Kubelets> {
  const call: ControlPlane['call'] = (...words) => plane.call(...words)
  const lost = new Set<string>()
  const pods = new Map<string, LocalPod>()
  let isStopped = false
  const logs = await startLogServer(plane, pods)
  const kubeletPort = (logs.address() as AddressInfo).port

  const beat = async (node: string): Promise<void> => {
    const time = new Date().toISOString()
    await call(
      'PATCH',
      `/api/v1/nodes/${node}/status`,
      {
        status: {
          conditions: [
            {
              type: 'Ready',
              status: 'True',
              reason: 'KubeletReady',
              message: 'kubelet is posting ready status',
              lastHeartbeatTime: time,
              lastTransitionTime: time,
            },
          ],
        },
      },
      statusType,
    )
  }
  for (const [node, labels] of Object.entries(nodes)) {
    await call('POST', '/api/v1/nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: node, labels: { 'kubernetes.io/hostname': node, ...labels } },
    })
    const capacity = { cpu: '16', memory: '64Gi', pods: '110', 'nvidia.com/gpu': '2' }
    await call(
      'PATCH',
      `/api/v1/nodes/${node}/status`,
      {
        status: {
          capacity,
          allocatable: capacity,
          addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
          daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
        },
      },
      statusType,
    )
    await beat(node)
  }

  const setStatus = async (pod: LocalPod, state: object, lastState: object): Promise<void> => {
    const isRunning = 'running' in state
    const time = new Date().toISOString()
    const conditions = ['Ready', 'ContainersReady', 'Initialized'].map((type) => ({
      type,
      status: isRunning || type === 'Initialized' ? 'True' : 'False',
      lastTransitionTime: time,
    }))
    await call(
      'PATCH',
      `${pod.path}/status`,
      {
        status: {
          phase: 'Running',
          podIP: '127.0.0.1',
          podIPs: [{ ip: '127.0.0.1' }],
          hostIP: '127.0.0.1',
          startTime: time,
          conditions,
          containerStatuses: [
            {
              name: 'engine',
              image: 'test',
              imageID: 'test',
              ready: isRunning,
              started: isRunning,
              restartCount: pod.restarts,
              state,
              lastState,
            },
          ],
        },
      },
      statusType,
    )
  }
  const sync = async (): Promise<void> => {
    const { items } = (await call('GET', '/api/v1/pods')) as { items: PodObject[] }
    const there = new Set(items.map((one) => one.metadata.uid))
    for (const [replica, pod] of pods) if (!there.has(pod.uid)) pods.delete(replica)
    for (const { metadata, spec } of items) {
      const node = spec.nodeName
      if (node === undefined || lost.has(node) || !(node in nodes)) continue
      const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`
      const replica = metadata.labels['baleen.dev/replica'] ?? metadata.name
      if (metadata.deletionTimestamp !== undefined) {
        await call('DELETE', `${path}?gracePeriodSeconds=0`).catch(() => {})
        continue
      }
      if (pods.get(replica)?.uid === metadata.uid) continue
      const pod = { uid: metadata.uid, path, restarts: 0, output: [], previous: [] }
      pods.set(replica, pod)
      const image = spec.containers[0]?.image ?? ''
      const state = image.startsWith('missing.example.com/')
        ? { waiting: { reason: 'ErrImagePull', message: notFound(image) } }
        : { running: { startedAt: new Date().toISOString() } }
      await setStatus(pod, state, {}).catch(() => {})
    }
  }
  const started = async (replica: string): Promise<LocalPod> => {
    await until(`a pod of ${replica}`, async () => pods.has(replica))
    return pods.get(replica)!
  }
  const loop = async (everyMs: number, work: () => Promise<unknown>): Promise<void> => {
    while (!isStopped) {
      await work().catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }
  const loops = [
    loop(pollMs, sync),
    loop(beatMs, () =>
      Promise.all(
        Object.keys(nodes)
          .filter((node) => !lost.has(node))
          .map(beat),
      ),
    ),
  ]

  return {
    async say(replica, line) {
      const pod = await started(replica)
      pod.output.push(line)
    },
    async end(replica, exitCode) {
      const pod = await started(replica)
      const time = new Date().toISOString()
      const terminated = {
        exitCode,
        reason: exitCode === 0 ? 'Completed' : 'Error',
        startedAt: time,
        finishedAt: time,
        message: pod.output.slice(-5).join('\n'),
      }
      // As a kubelet does: at once started again.
      pod.restarts++
      pod.previous = pod.output
      pod.output = []
      await setStatus(pod, { running: { startedAt: time } }, { terminated })
    },
    lose: (node) => void lost.add(node),
    bringBack: (node) => void lost.delete(node),
    async stop() {
      isStopped = true
      await Promise.all(loops)
      logs.closeAllConnections()
      logs.close()
    },
  }
}

/** `/containerLogs/NAMESPACE/POD/CONTAINER`, which the API server asks for `pods/log`. */
async function startLogServer(plane: ControlPlane, pods: Map<string, LocalPod>): Promise<Server> {
  const server = createServer(plane.certificate, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://kubelet')
    const [, , namespace, name] = url.pathname.split('/')
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`
    const pod = [...pods.values()].find((one) => one.path === path)
    if (!pod) return void response.writeHead(404).end()
    const output = url.searchParams.get('previous') === 'true' ? pod.previous : pod.output
    const tail = Number(url.searchParams.get('tailLines') ?? Infinity)
    let next = output.length
    response.writeHead(200, { 'content-type': 'text/plain' })
    const lines = tail > 0 ? output.slice(-tail) : []
    response.write(lines.map((line) => `${line}\n`).join(''))
    if (url.searchParams.get('follow') !== 'true') return void response.end()
    const timer = setInterval(() => {
      response.write(
        output
          .slice(next)
          .map((line) => `${line}\n`)
          .join(''),
      )
      next = output.length
    }, 20)
    response.once('close', () => clearInterval(timer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { DeploymentView, ReplicaView } from '../../src/contract/deployment.ts'
import { serve, type Serving } from '../e2e/serving.ts'
import { startClients, type Clients } from '../support/clients.ts'
import { makeAccount } from './support/account.ts'
import { vllmImage } from './support/image.ts'
import { lwsProgram, startLws } from './support/lws.ts'
import { playedVllm } from './support/played-vllm.ts'
import {
  giveGpu,
  say,
  seconds,
  startCluster,
  timed,
  whyNoCluster,
  type PodObject,
  type RealCluster,
} from './support/real-cluster.ts'
import { until, type Daemon } from './support/tools.ts'

const lws = lwsProgram()
const trouble = whyNoCluster ?? ('missing' in lws ? lws.missing : null)
const namespace = 'engines'
const name = 'pair'
const withinMs = 120_000
const placeLabel = 'leaderworkerset.sigs.k8s.io/worker-index'

describe.skipIf(trouble !== null)(
  `replicas of several nodes, with their real controller${trouble === null ? '' : ` (skipped: ${trouble})`}`,
  () => {
    let cluster: RealCluster
    let serving: Serving
    let groups: Daemon | undefined
    let clients: Clients | undefined

    beforeAll(async () => {
      cluster = await startCluster(3, playedVllm(name))
      const { plane, nodes, folder } = cluster
      groups = await startLws(plane, join(folder, 'lws'), 'path' in lws ? lws.path : '')
      for (const node of nodes) await giveGpu(plane, node.name)
      const { kubeconfig } = await makeAccount(plane, namespace)
      serving = await serve({
        config: {
          deployments: [],
          runtimes: { prod: { kind: 'kubernetes', kubeconfig, namespace, address: 'pod' } },
        },
      })
    }, 600_000)
    afterAll(async () => {
      await clients?.stop()
      await serving?.close()
      await groups?.stop()
      await cluster?.stop()
    })

    const ready = async (): Promise<readonly ReplicaView[]> => {
      const response = await serving.api('GET', `/deployments/${name}`)
      const { replicas } = (await response.json()) as DeploymentView
      return replicas.filter((one) => one.state === 'ready')
    }
    /** Those that are not on their way out, the leader first. */
    const members = async (): Promise<readonly PodObject[]> =>
      (await cluster.pods(namespace))
        .filter(({ metadata }) => !metadata.deletionTimestamp)
        .toSorted((a, b) => placeOf(a) - placeOf(b))
    const placeOf = ({ metadata }: PodObject): number => Number(metadata.labels[placeLabel])
    const placesOf = (pods: readonly PodObject[]) => pods.map(({ spec: { nodeName } }) => nodeName)
    const another = (before: ReplicaView): Promise<void> =>
      until(
        'another group',
        async () => {
          const now = await ready()
          return now.length === 1 && now[0]!.id !== before.id
        },
        [],
        withinMs,
      )

    it('start on a node each, with one to answer', async () => {
      const file = join(cluster.folder, 'pair.yaml')
      const spec = {
        name,
        model: 'hf:example/pair',
        engine: 'vllm',
        runtime: 'prod',
        hardware: 'h100:2',
        placement: { nodes: 2 },
        settings: { image: vllmImage, drainTimeoutS: 2 },
      }
      writeFileSync(file, stringify(spec))
      const tookMs = await timed(async () => {
        const { code, stdout, stderr } = await serving.baleen('deploy', '-f', file)
        expect(code, stdout + stderr).toBe(0)
      })
      const pods = await members()
      expect(pods.map(placeOf)).toEqual([0, 1])
      expect(new Set(placesOf(pods)).size).toBe(2)
      clients = startClients(serving, name, 2)
      await until('answers', async () => clients!.take().ok > 0)
      say(`group started: ${seconds(tookMs)}`)
    })

    it('are ended as a whole and started elsewhere when a node of theirs is lost', async () => {
      const [before] = await ready()
      const [, worker] = await members()
      const node = cluster.nodes.find((one) => one.name === worker!.spec.nodeName)!
      node.cut()
      const tookMs = await timed(() => another(before!))
      const places = placesOf(await members())
      expect(places).toHaveLength(2)
      expect(places).not.toContain(node.name)
      const { ok, retryable } = clients!.take()
      say(`worker's node cut off: ${seconds(tookMs)}; ${ok} answered, ${retryable.length} not`)
      node.mend()
      await until('answers', async () => clients!.take().ok > 0)
    })

    it('are ended as a whole when a worker ends, and that is told', async () => {
      const [before] = await ready()
      const [, worker] = await members()
      const node = cluster.nodes.find((one) => one.name === worker!.spec.nodeName)!
      const [pid] = node.pids('sleep', '1000000')
      process.kill(pid!, 'SIGKILL')
      const tookMs = await timed(() => another(before!))
      const { stdout } = await serving.baleen('logs', before!.id)
      expect(stdout).toContain('worker 1')
      say(`worker killed: ${seconds(tookMs)}`)
      await until('answers', async () => clients!.take().ok > 0)
    })

    it('leave nothing behind', async () => {
      await clients!.stop()
      const { code, stdout, stderr } = await serving.baleen('stop', name)
      expect(code, stdout + stderr).toBe(0)
      await until('no pod', async () => (await cluster.pods(namespace)).length === 0, [], withinMs)
    })
  },
)

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { DeploymentView, ReplicaView } from '../../src/contract/deployment.ts'
import { prepareBundled } from '../../src/models/bundled/prepare.ts'
import { modelsDirectory, serve, type Serving } from '../e2e/serving.ts'
import { startClients, type Clients } from '../support/clients.ts'
import { makeAccount } from './support/account.ts'
import { baleenImage } from './support/image.ts'
import type { ClusterNode } from './support/node.ts'
import {
  isReady,
  say,
  seconds,
  startCluster,
  timed,
  whyNoCluster,
  type PodObject,
  type RealCluster,
} from './support/real-cluster.ts'
import { noS3Store, startS3Store, type S3Server } from './support/s3-store.ts'
import { until } from './support/tools.ts'

const namespace = 'engines'
const name = 'sim'
const withinMs = 120_000

describe.skipIf(whyNoCluster !== null)(
  `a cluster with real kubelets${whyNoCluster === null ? '' : ` (skipped: ${whyNoCluster})`}`,
  () => {
    let cluster: RealCluster
    let serving: Serving
    let clients: Clients | undefined
    let store: S3Server | undefined

    beforeAll(async () => {
      cluster = await startCluster(3)
      if (noS3Store === null) store = await startS3Store()
      // Of Baleen and of all nodes, under one path, as a shared volume is.
      const shared = join(cluster.folder, 'models')
      const { kubeconfig } = await makeAccount(cluster.plane, namespace)
      serving = await serve({
        environment: store?.variablesOf('secret') ?? {},
        config: {
          models: { directory: shared },
          deployments: [],
          runtimes: {
            prod: { kind: 'kubernetes', kubeconfig, namespace, address: 'pod' },
            ports: {
              kind: 'kubernetes',
              kubeconfig,
              namespace,
              owner: 'ports',
              address: 'node',
              models: { hostPath: modelsDirectory },
            },
            shared: {
              kind: 'kubernetes',
              kubeconfig,
              namespace,
              owner: 'shared',
              address: 'pod',
              models: { hostPath: shared, shared: true },
            },
          },
        },
      })
    }, 600_000)
    afterAll(async () => {
      await clients?.stop()
      await serving?.close()
      await store?.stop()
      await cluster?.stop()
    })

    const view = async (): Promise<DeploymentView> =>
      (await serving.api('GET', `/deployments/${name}`)).json() as Promise<DeploymentView>
    const ready = async (): Promise<readonly ReplicaView[]> =>
      (await view()).replicas.filter((one) => one.state === 'ready')
    const pods = () => cluster.pods(namespace)
    const podOf = async (replica: string): Promise<PodObject> => {
      const all = await pods()
      const found = all.find(
        ({ metadata }) =>
          metadata.labels['baleen.dev/replica'] === replica && !metadata.deletionTimestamp,
      )
      if (found) return found
      throw new Error(`no pod of ${replica}`)
    }
    const podPath = ({ metadata }: PodObject): string =>
      `/api/v1/namespaces/${namespace}/pods/${metadata.name}`
    const nodeOf = (replica: ReplicaView): ClusterNode =>
      cluster.nodes.find((node) => replica.node === `prod/${node.name}`)!
    const allReady = (count: number, without: readonly string[] = []) =>
      until(
        `${count} ready`,
        async () => {
          const ids = (await ready()).map(({ id }) => id)
          return ids.length === count && !ids.some((id) => without.includes(id))
        },
        [],
        withinMs,
      )
    /** Nothing that another replica could have answered has failed since the last look. */
    const unharmed = (what: string, tookMs: number): void => {
      const { ok, retryable, brokenStreams, longestMs } = clients!.take()
      say(
        `${what}: ${seconds(tookMs)}; ${ok} answered, ${brokenStreams} streams broken off, slowest ${seconds(longestMs)}`,
      )
      expect(retryable, what).toEqual([])
      expect(ok, what).toBeGreaterThan(0)
    }
    const spec = (changes: object = {}): object => ({
      name,
      model: 'llama-3.1-8b',
      engine: 'simulated',
      runtime: 'prod',
      hardware: 'h100:1',
      replicas: 2,
      settings: { image: baleenImage, drainTimeoutS: 10, ...changes },
      placement: { spread: { over: 'node', mode: 'preferred' } },
    })
    it('runs a deployment: pods that get ready by their probes, are read, and answer', async () => {
      const file = join(cluster.folder, 'model.yaml')
      writeFileSync(file, stringify(spec()))
      const tookMs = await timed(async () => {
        const { code, stdout, stderr } = await serving.baleen('deploy', '-f', file)
        expect(code, stdout + stderr).toBe(0)
        await allReady(2)
      })
      await until('pods that are ready', async () => (await pods()).every(isReady))
      clients = startClients(serving, name, 4)
      await until('metrics', async () =>
        (await ready()).every(({ load }) => load !== null && load.running !== null),
      )
      const [first] = await ready()
      const { stdout } = await serving.baleen('logs', first!.id)
      expect(stdout).toContain('llama-3.1-8b')
      await delay(2000)
      unharmed('deployed', tookMs)
    })

    it('runs the embedded engine on a file of the node, reached by a port of the node', async () => {
      const file = join(cluster.folder, 'small.yaml')
      const small = {
        name: 'small',
        model: await prepareBundled('minimind2-small', modelsDirectory),
        engine: 'embedded',
        runtime: 'ports',
        settings: { image: baleenImage, contextTokens: 512 },
      }
      writeFileSync(file, stringify(small))
      const tookMs = await timed(async () => {
        const { code, stdout, stderr } = await serving.baleen('deploy', '-f', file)
        expect(code, stdout + stderr).toBe(0)
      })
      const { choices } = await serving.openai().chat.completions.create({
        model: 'small',
        max_tokens: 8,
        messages: [{ role: 'user', content: 'Hello' }],
      })
      expect(choices[0]?.message.content).toMatch(/\w/)
      say(`embedded engine deployed: ${seconds(tookMs)}`)
      expect((await serving.baleen('stop', 'small')).code).toBe(0)
      await until(
        'its end',
        async () =>
          !(await pods()).some(({ metadata }) => metadata.labels['baleen.dev/owner'] === 'ports'),
        [],
        withinMs,
      )
    })

    it.skipIf(noS3Store !== null)(
      `runs a model that Baleen fetches onto a volume of all nodes${noS3Store === null ? '' : ` (skipped: ${noS3Store})`}`,
      async () => {
        const path = await prepareBundled('minimind2-small', modelsDirectory)
        const file = join(cluster.folder, 'fetched.yaml')
        const fetched = {
          name: 'fetched',
          model: await store!.put('fetched', readFileSync(path)),
          engine: 'embedded',
          runtime: 'shared',
          settings: { image: baleenImage, contextTokens: 512 },
        }
        writeFileSync(file, stringify(fetched))
        const tookMs = await timed(async () => {
          const { code, stdout, stderr } = await serving.baleen('deploy', '-f', file)
          expect(code, stdout + stderr).toBe(0)
        })
        const { choices } = await serving.openai().chat.completions.create({
          model: 'fetched',
          max_tokens: 8,
          messages: [{ role: 'user', content: 'Hello' }],
        })
        expect(choices[0]?.message.content).toMatch(/\w/)
        say(`fetched and deployed: ${seconds(tookMs)}`)
        expect((await serving.baleen('stop', 'fetched')).code).toBe(0)
        await until(
          'its end',
          async () =>
            !(await pods()).some(
              ({ metadata }) => metadata.labels['baleen.dev/owner'] === 'shared',
            ),
          [],
          withinMs,
        )
      },
    )

    it('replaces an engine that was killed', async () => {
      const [victim] = await ready()
      const [pid] = nodeOf(victim!).pids('simulated/process.ts')
      const before = await ready()
      process.kill(pid!, 'SIGKILL')
      const tookMs = await timed(async () => {
        await until('it is gone', async () => (await ready()).length < 2)
        await allReady(2)
      })
      const after = await ready()
      expect(after.map(({ id }) => id)).not.toEqual(before.map(({ id }) => id))
      unharmed('engine killed', tookMs)
    })

    it('goes on where a kubelet was killed and is started again', async () => {
      const before = (await pods()).map(({ metadata }) => metadata.uid).toSorted()
      const tookMs = await timed(async () => {
        await cluster.nodes[0]!.killKubelet()
        await cluster.nodes[0]!.startKubelet()
        await allReady(2)
      })
      const after = (await pods()).map(({ metadata }) => metadata.uid).toSorted()
      expect(after).toEqual(before)
      unharmed('kubelet killed', tookMs)
    })

    it('goes on where a pod is deleted by another hand', async () => {
      const [victim] = await ready()
      const pod = await podOf(victim!.id)
      const tookMs = await timed(async () => {
        await cluster.plane.call('DELETE', podPath(pod))
        await until('another pod', async () => {
          const all = await pods()
          return all.length === 2 && all.every((one) => one.metadata.uid !== pod.metadata.uid)
        })
        await allReady(2)
      })
      unharmed('pod deleted', tookMs)
    })

    const evict = (pod: PodObject) =>
      cluster.plane.call('POST', `${podPath(pod)}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: pod.metadata.name, namespace },
      })

    it('moves to another node where its own is drained by the cluster', async () => {
      const [victim] = await ready()
      const cordon = (unschedulable: boolean) =>
        cluster.plane.call(
          'PATCH',
          `/api/v1/nodes/${nodeOf(victim!).name}`,
          { spec: { unschedulable } },
          'application/merge-patch+json',
        )
      const tookMs = await timed(async () => {
        await cordon(true)
        await evict(await podOf(victim!.id))
        await allReady(2, [victim!.id])
      })
      expect((await ready()).map(({ node }) => node)).not.toContain(victim!.node)
      await cordon(false)
      unharmed('node drained', tookMs)
    })

    it('is evicted one at a time', async () => {
      const [first, second] = await Promise.all((await ready()).map(({ id }) => podOf(id)))
      const tookMs = await timed(async () => {
        await until('one may go', async () => Boolean(await evict(first!)))
        await expect(evict(second!)).rejects.toThrow(/429 .*disruption budget/)
        await until('the other may go', async () => Boolean(await evict(second!)), [], withinMs)
        await until('both are new', async () => {
          const uids = (await pods()).map(({ metadata }) => metadata.uid)
          return uids.length === 2 && !uids.some((uid) => uid === second!.metadata.uid)
        })
        await allReady(2)
      })
      unharmed('both evicted', tookMs)
    })

    it('takes a new revision over, and back', async () => {
      for (const sequencesMax of [64, 32]) {
        const before = (await ready()).map(({ id }) => id)
        const file = join(cluster.folder, 'model.yaml')
        writeFileSync(file, stringify(spec({ sequencesMax })))
        const tookMs = await timed(async () => {
          const { code, stdout, stderr } = await serving.baleen('deploy', '-f', file)
          expect(code, stdout + stderr).toBe(0)
          await allReady(2, before)
        })
        unharmed('new revision', tookMs)
      }
    })

    it('moves on where a node is cut off, and takes it back', async () => {
      const [victim] = await ready()
      const node = nodeOf(victim!)
      const lost = (await ready()).filter((one) => one.node === victim!.node).map(({ id }) => id)
      node.cut()
      const tookMs = await timed(() => allReady(2, lost))
      expect((await ready()).map((one) => one.node)).not.toContain(victim!.node)
      unharmed('node cut off', tookMs)
      node.mend()
      const backMs = await timed(async () => {
        await until('the node is back', async () => {
          const { stdout } = await serving.baleen('node', 'list', '--json')
          return !stdout.includes('"gone"')
        })
        await until(
          'what was lost is ended there',
          async () => (await pods()).length === 2,
          [],
          withinMs,
        )
      })
      unharmed('node back', backMs)
    })
  },
)

import { execFile } from 'node:child_process'
import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { render, whyNotRendered } from '../deploy/rendered.ts'
import { baleenImage } from './support/image.ts'
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
import { until } from './support/tools.ts'

const trouble = whyNoCluster ?? whyNotRendered()
const namespace = 'baleen'
const user = 10_001
const withinMs = 120_000

describe.skipIf(trouble !== null)(
  `deploy/kubernetes on real nodes${trouble === null ? '' : ` (skipped: ${trouble})`}`,
  () => {
    let cluster: RealCluster
    beforeAll(async () => {
      cluster = await startCluster(2)
    }, 600_000)
    afterAll(() => cluster?.stop())

    // Not the synchronous form: the cluster's DNS is this process.
    const kubectl = async (argv: readonly string[], input = ''): Promise<string> => {
      const words = [`--kubeconfig=${cluster.plane.kubeconfig}`, ...argv]
      const running = promisify(execFile)('kubectl', words, { timeout: withinMs })
      running.child.stdin?.end(input)
      return (await running).stdout
    }
    const baleen = (argv: readonly string[], input = ''): Promise<string> =>
      kubectl(['-n', namespace, 'exec', '-i', 'baleen-0', '--', 'baleen', ...argv], input)
    const own = async (): Promise<PodObject | undefined> =>
      (await cluster.pods(namespace)).find(({ metadata }) => metadata.name === 'baleen-0')
    const engines = async (): Promise<readonly string[]> =>
      (await cluster.pods(namespace)).map(({ metadata }) => metadata.uid)
    const chat = async (key: string): Promise<boolean> => {
      const pod = await own()
      const response = await fetch(`http://${pod?.status.podIP}:8080/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'sim',
          max_tokens: 4,
          messages: [{ role: 'user', content: 'Hello' }],
        }),
        signal: AbortSignal.timeout(2000),
      })
      return response.ok
    }

    it('runs Baleen, which runs a model, and leaves that alone while it is replaced itself', async () => {
      const { plane, folder } = cluster
      const data = join(folder, 'data')
      mkdirSync(data)
      // A directory of a node belongs to whom it belongs: kubelets don't give it to the group.
      chownSync(data, user, user)
      await plane.call('POST', '/api/v1/persistentvolumes', {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: 'baleen' },
        spec: {
          capacity: { storage: '20Gi' },
          accessModes: ['ReadWriteOnce'],
          hostPath: { path: data },
        },
      })
      const objects = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: render('base') })
      await kubectl(
        ['apply', '-f', '-'],
        objects.replaceAll('registry.example.com/baleen:0.1.0', baleenImage),
      )
      const isUp = async (): Promise<boolean> => {
        const pod = await own()
        return pod !== undefined && isReady(pod)
      }
      const startMs = await timed(() => until('a ready pod', isUp, [], withinMs))
      const key = /bln_[\w-]{16,}/.exec(await baleen(['key', 'create', 'me']))?.[0] ?? ''
      const spec = {
        name: 'sim',
        model: 'llama-3.1-8b',
        engine: 'simulated',
        runtime: 'cluster',
        hardware: 'h100:1',
        settings: { image: baleenImage },
      }
      const deployMs = await timed(() => baleen(['deploy', '-f', '-'], stringify(spec)))
      expect(await chat(key)).toBe(true)
      const before = await engines()
      expect(before).toHaveLength(2)

      const { metadata } = (await own())!
      await plane.call('DELETE', `/api/v1/namespaces/${namespace}/pods/baleen-0`)
      const answers = () => chat(key).catch(() => false)
      await until('it stops answering', async () => !(await answers()), [], withinMs)
      const goneMs = await timed(() => until('answers of another', answers, [], withinMs))
      expect((await own())!.metadata.uid).not.toBe(metadata.uid)
      const others = before.filter((uid) => uid !== metadata.uid)
      expect(await engines()).toEqual(expect.arrayContaining(others))
      expect(await baleen(['ps'])).toContain('ready')
      say(
        `Baleen in the cluster: ready after ${seconds(startMs)}, a model after ${seconds(deployMs)} more; replaced, nobody answered for ${seconds(goneMs)}`,
      )
    })
  },
)

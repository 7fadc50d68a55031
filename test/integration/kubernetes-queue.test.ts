import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { DeploymentView } from '../../src/contract/deployment.ts'
import { serve, type Serving } from '../e2e/serving.ts'
import { makeAccount } from './support/account.ts'
import { vllmImage } from './support/image.ts'
import { kueueProgram, makeQueue, startKueue } from './support/kueue.ts'
import { lwsProgram, startLws } from './support/lws.ts'
import { playedVllm } from './support/played-vllm.ts'
import {
  giveGpu,
  say,
  seconds,
  startCluster,
  timed,
  whyNoCluster,
  type RealCluster,
} from './support/real-cluster.ts'
import { until, type Daemon } from './support/tools.ts'

const lws = lwsProgram()
const noGroups = 'missing' in lws ? lws.missing : null
const kueue = kueueProgram()
const trouble = whyNoCluster ?? ('missing' in kueue ? kueue.missing : null)
const namespace = 'engines'
const queue = 'llm'
const quota = 2
const withinMs = 120_000

describe.skipIf(trouble !== null)(
  `what Kueue admits, with its real controller${trouble === null ? '' : ` (skipped: ${trouble})`}`,
  () => {
    let cluster: RealCluster
    let serving: Serving
    const daemons: Daemon[] = []

    beforeAll(async () => {
      cluster = await startCluster(3, playedVllm('played'))
      const { plane, nodes, folder } = cluster
      const at = (name: string): string => {
        mkdirSync(join(folder, name))
        return join(folder, name)
      }
      if ('path' in lws) daemons.push(await startLws(plane, at('lws'), lws.path))
      const program = 'path' in kueue ? kueue.path : ''
      const known = { hasGroups: noGroups === null }
      daemons.push(await startKueue(plane, at('kueue'), program, known))
      for (const node of nodes) await giveGpu(plane, node.name)
      const { kubeconfig } = await makeAccount(plane, namespace)
      await makeQueue(plane, namespace, queue, quota)
      serving = await serve({
        config: {
          deployments: [],
          runtimes: { prod: { kind: 'kubernetes', kubeconfig, namespace, address: 'pod', queue } },
        },
      })
    }, 600_000)
    afterAll(async () => {
      await serving?.close()
      for (const daemon of daemons.toReversed()) await daemon.stop()
      await cluster?.stop()
    })

    const deploy = async (name: string, changes: object, ...flags: readonly string[]) => {
      const file = join(cluster.folder, `${name}.yaml`)
      const spec = {
        name,
        model: 'hf:example/model',
        engine: 'vllm',
        runtime: 'prod',
        hardware: 'h100:1',
        settings: { image: vllmImage, drainTimeoutS: 2, loadTimeoutS: 60 },
        ...changes,
      }
      writeFileSync(file, stringify(spec))
      const { code, stdout, stderr } = await serving.baleen('deploy', '-f', file, ...flags)
      expect(code, stdout + stderr).toBe(0)
    }
    const deployment = async (name: string): Promise<DeploymentView> =>
      (await (await serving.api('GET', `/deployments/${name}`)).json()) as DeploymentView
    const lineOf = async (name: string): Promise<string> => {
      const { stdout } = await serving.baleen('ps')
      return stdout.split('\n').find((line) => line.startsWith(`${name} `)) ?? ''
    }
    const isReady = (name: string) =>
      until(
        `${name} is ready`,
        async () => (await deployment(name)).replicas.some(({ state }) => state === 'ready'),
        daemons,
        withinMs,
      )
    const isQueued = async (name: string): Promise<void> => {
      const wait = { timeout: withinMs, interval: 500 }
      await expect.poll(() => lineOf(name), wait).toContain('insufficient unused quota')
    }

    it('starts within its quota', async () => {
      const tookMs = await timed(() => deploy('one', { replicas: quota }))
      const { replicas } = await deployment('one')
      expect(replicas.filter(({ state }) => state === 'ready')).toHaveLength(quota)
      say(`admitted and started: ${seconds(tookMs)}`)
    })

    it('is queued above it, in the words of Kueue, and that is no failure', async () => {
      const settings = { image: vllmImage, drainTimeoutS: 2, loadTimeoutS: 20 }
      await deploy('two', { settings }, '--no-wait')
      await isQueued('two')
      const line = await lineOf('two')
      say(line)
      expect(line).toContain('insufficient unused quota for nvidia.com/gpu')
      const before = await deployment('two')
      await delay(25_000)
      const after = await deployment('two')
      expect(after.failures).toBe(0)
      expect(after.replicas).toEqual(before.replicas)
      expect(after.replicas).toMatchObject([{ state: 'starting', restarts: 0 }])
    })

    it('starts once there is quota', async () => {
      const tookMs = await timed(async () => {
        await serving.api('POST', '/deployments/one/scale', { replicas: 1 })
        await isReady('two')
      })
      say(`quota freed to ready: ${seconds(tookMs)}`)
      expect((await deployment('two')).replicas).toMatchObject([{ restarts: 0 }])
    })

    it.skipIf(noGroups !== null)(
      `admits a replica of two nodes as a whole${noGroups === null ? '' : ` (skipped: ${noGroups})`}`,
      async () => {
        await serving.baleen('stop', 'two')
        await until('one alone', async () => (await cluster.pods(namespace)).length === 1)
        const pair = { hardware: 'h100:2', placement: { nodes: 2 } }
        await deploy('pair', pair, '--no-wait')
        // One GPU is free, and the group needs two: neither of its pods may take it.
        await isQueued('pair')
        say(await lineOf('pair'))
        const pods = await cluster.pods(namespace)
        expect(pods.filter(({ spec }) => spec.nodeName !== undefined)).toHaveLength(1)
        await serving.baleen('stop', 'one')
        await isReady('pair')
        await serving.baleen('stop', 'pair')
      },
    )

    it('leaves nothing behind', async () => {
      for (const name of ['one', 'two']) await serving.baleen('stop', name)
      await until('no pod', async () => (await cluster.pods(namespace)).length === 0, [], withinMs)
    })
  },
)

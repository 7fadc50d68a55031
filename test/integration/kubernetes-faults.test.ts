import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { faultSpec } from '../../src/contract/fault.ts'
import { mendLeftFaults } from '../../src/injector/faults/open-faults.ts'
import { completeSpec } from '../../src/injector/policy/default-spec.ts'
import { runInjection } from '../../src/injector/run-injection.ts'
import { chatStream } from '../golden-server/golden-script.ts'
import { startGoldenServer } from '../golden-server/golden-server.ts'
import { accessOf, makeAccount, rightsOf, type Account } from './support/account.ts'
import {
  controlPlaneProgram,
  startControlPlane,
  type ControlPlane,
} from './support/control-plane.ts'
import { startKubelets, type Kubelets } from './support/kubelet.ts'
import { until } from './support/tools.ts'

const program = controlPlaneProgram()

describe.skipIf('missing' in program)(
  `faults of pods${'missing' in program ? ` (skipped: ${program.missing})` : ''}`,
  () => {
    const namespace = 'chaos'
    const policies = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`
    const runs = mkdtempSync(join(tmpdir(), 'baleen-pods-'))
    let plane: ControlPlane
    let kubelets: Kubelets
    let account: Account

    interface Listed {
      readonly items: readonly {
        readonly metadata: {
          readonly name: string
          readonly labels: Record<string, string>
          readonly deletionTimestamp?: string
        }
        readonly spec: object
        readonly status?: { readonly phase?: string }
      }[]
    }
    const list = async (path: string) => ((await plane.call('GET', path)) as Listed).items
    const runningPods = async () =>
      (await list(`/api/v1/namespaces/${namespace}/pods`)).filter(
        ({ metadata, status }) => status?.phase === 'Running' && !metadata.deletionTimestamp,
      )
    const actionOf = (kind: string) => ({
      kind,
      namespace,
      selector: 'app=engine',
      kubeconfig: account.kubeconfig,
    })

    beforeAll(async () => {
      plane = await startControlPlane('path' in program ? program.path : '')
      kubelets = await startKubelets(plane, { 'node-1': {} })
      account = await makeAccount(plane, namespace, 'faults')
      const labels = { app: 'engine' }
      await plane.call('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'engine' },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { containers: [{ name: 'engine', image: 'example.com/engine:1' }] },
          },
        },
      })
      await until('a pod', async () => (await runningPods()).length === 1)
    }, 120_000)
    afterAll(async () => {
      await kubelets?.stop()
      await plane?.stop()
      rmSync(runs, { recursive: true })
    })

    it('cut a pod off for as long as they last, and kill one that another takes the place of', async () => {
      const server = await startGoldenServer(() =>
        chatStream({ texts: ['a'], firstMs: 1, gapMs: 1 }),
      )
      const [before] = await runningPods()
      const spec = completeSpec({
        url: server.url,
        load: { kind: 'open', arrivals: 'constant', ratePerS: 5 },
        durationMs: 16_000,
        faults: [
          { name: 'cut', atMs: 500, forMs: 2500, action: actionOf('cut-pod') },
          { name: 'kill', atMs: 9000, forMs: 500, action: actionOf('kill-pod') },
          { name: 'kill again', atMs: 14_000, forMs: 500, action: actionOf('kill-pod') },
        ].map((fault) => faultSpec.parse(fault)),
      })
      const run = runInjection(spec, {
        id: 'run',
        isOwned: true,
        interrupt: new AbortController().signal,
      })
      await until('a policy', async () => (await list(policies)).length === 1)
      const [policy] = await list(policies)
      expect(policy!.spec).toEqual({
        podSelector: { matchLabels: { 'baleen.dev/cut': policy!.metadata.name } },
        policyTypes: ['Ingress', 'Egress'],
      })
      const [cut] = await runningPods()
      expect(cut!.metadata.labels['baleen.dev/cut']).toBe(policy!.metadata.name)
      await until('the end of the policy', async () => (await list(policies)).length === 0)
      const [mended] = await runningPods()
      expect(mended!.metadata.name).toBe(before!.metadata.name)
      expect(mended!.metadata.labels).toEqual(before!.metadata.labels)

      const { report } = await run
      await server.close()
      expect(report.faults.map(({ name, isUndone }) => [name, isUndone])).toEqual([
        ['cut', true],
        ['kill', true],
        ['kill again', true],
      ])
      const killed = report.faults.slice(1).map(({ note }) => note.split(' ')[0])
      expect(killed[0]).toBe(before!.metadata.name)
      expect(killed[1]).not.toBe(killed[0])
      await until('another pod', async () => {
        const [after] = await runningPods()
        return after !== undefined && !killed.includes(after.metadata.name)
      })
    })

    it('are mended by the next run when the keeper was killed', async () => {
      const folder = join(runs, 'run')
      mkdirSync(folder)
      const keeper = spawn(
        process.execPath,
        [join(import.meta.dirname, '../../src/injector/faults/fault-keeper.ts'), folder],
        { stdio: ['pipe', 'ignore', 'inherit'] },
      )
      const command = { id: 0, action: { ...actionOf('cut-pod'), context: null }, forMs: 600_000 }
      keeper.stdin.write(`${JSON.stringify(command)}\n`)
      await until('a policy', async () => (await list(policies)).length === 1)
      const ended = new Promise((resolve) => keeper.once('exit', resolve))
      keeper.kill('SIGKILL')
      await ended
      expect(await list(policies)).toHaveLength(1)
      expect(await mendLeftFaults(runs)).toEqual(['policy of run run: mended'])
      expect(await list(policies)).toEqual([])
      expect((await runningPods())[0]!.metadata.labels).not.toHaveProperty('baleen.dev/cut')
    })

    it('say what the cluster says where there is no such pod', async () => {
      const server = await startGoldenServer(() =>
        chatStream({ texts: ['a'], firstMs: 1, gapMs: 1 }),
      )
      const action = { ...actionOf('cut-pod'), selector: undefined, pod: 'nobody' }
      const spec = completeSpec({
        url: server.url,
        load: { kind: 'open', arrivals: 'constant', ratePerS: 5 },
        durationMs: 2000,
        faults: [faultSpec.parse({ name: 'cut', atMs: 0, forMs: 1000, action })],
      })
      const { report } = await runInjection(spec, {
        id: 'run',
        isOwned: true,
        interrupt: new AbortController().signal,
      })
      await server.close()
      expect(report.faults[0]).toMatchObject({
        isUndone: false,
        note: expect.stringContaining('pods "nobody" not found'),
      })
      expect(await list(policies)).toEqual([])
    })

    it('need each of the rights that an overlay gives for them', () => {
      const calls = plane.calls(account.user)
      expect(calls.filter(({ status }) => status === 403)).toEqual([])
      const used = new Set(
        calls.flatMap(({ verb, object }) =>
          object
            ? `${object.group === '' ? '' : `${object.group}/`}${object.resource} ${verb}`
            : [],
        ),
      )
      expect([...used].toSorted()).toEqual([...rightsOf(accessOf('faults'))].toSorted())
    })
  },
)

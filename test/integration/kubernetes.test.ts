import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../src/contract/deployment.ts'
import { runtimesConfig, type KubernetesConfig } from '../../src/contract/runtimes.ts'
import type { AppError } from '../../src/core/errors.ts'
import { anywhere } from '../../src/core/node.ts'
import { createVendors } from '../../src/devices/index.ts'
import { launchPlan } from '../../src/engines/launch-plan.ts'
import { connect } from '../../src/runtimes/kubernetes/api.ts'
import { deploymentWorkload } from '../../src/runtimes/kubernetes/deployment-workload.ts'
import { createKubernetesRuntime } from '../../src/runtimes/kubernetes/kubernetes.ts'
import { manifestsOf } from '../../src/runtimes/kubernetes/manifests.ts'
import { runtimeContract } from '../../src/runtimes/runtime.contract.ts'
import type { EndedReplica, RuntimeEvent } from '../../src/runtimes/runtime.ts'
import { accessOf, makeAccount, rightsOf, type Account } from './support/account.ts'
import {
  controlPlaneProgram,
  startControlPlane,
  type ControlPlane,
} from './support/control-plane.ts'
import { startKubelets, type Kubelets } from './support/kubelet.ts'
import { until } from './support/tools.ts'

const program = controlPlaneProgram()
const wait = { timeout: 60_000 }

/** As much of a kind as an API server needs to keep such objects. */
const kindOf = (group: string, version: string, kind: string) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${kind.toLowerCase()}s.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { kind, plural: `${kind.toLowerCase()}s`, singular: kind.toLowerCase() },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    ],
  },
})
const groupKind = kindOf('leaderworkerset.x-k8s.io', 'v1', 'LeaderWorkerSet')
const queuedKind = kindOf('kueue.x-k8s.io', 'v1beta2', 'Workload')

describe.skipIf('missing' in program)(
  `Kubernetes${'missing' in program ? ` (skipped: ${program.missing})` : ''}`,
  () => {
    let plane: ControlPlane
    let kubelets: Kubelets
    const accounts = new Map<string, Account>()

    beforeAll(async () => {
      plane = await startControlPlane('path' in program ? program.path : '')
      kubelets = await startKubelets(plane, {
        'gpu-1': {
          'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3',
          'nvidia.com/gpu.memory': '81559',
          'topology.kubernetes.io/zone': 'zone-a',
        },
        'gpu-2': { 'topology.kubernetes.io/zone': 'zone-b' },
      })
    }, 120_000)
    afterAll(async () => {
      await kubelets?.stop()
      await plane?.stop()
    })

    /** With an account of its own, which has the rights of `deploy/kubernetes` and no others. */
    const newNamespace = async (): Promise<string> => {
      const namespace = `test-${accounts.size + 1}`
      accounts.set(namespace, await makeAccount(plane, namespace))
      return namespace
    }
    const clusterOf = (namespace: string): KubernetesConfig => {
      const kubeconfig = accounts.get(namespace)?.kubeconfig ?? plane.kubeconfig
      const { prod } = runtimesConfig.parse({
        prod: { kind: 'kubernetes', kubeconfig, namespace, address: 'pod' },
      })
      return prod as KubernetesConfig
    }
    const plan = launchPlan({ argv: ['serve'], image: 'example.com/engine:1' })

    runtimeContract('kubernetes', async () => {
      const namespace = await newNamespace()
      const config = clusterOf(namespace)
      const api = connect(config)
      const running = `/apis/apps/v1/namespaces/${namespace}/deployments`
      return {
        open: () =>
          createKubernetesRuntime({ name: 'prod', config, vendors: createVendors(), api }),
        plan,
        assignment: { ...anywhere, node: 'prod/gpu-1', devices: ['prod/gpu-1/nvidia.com/gpu/1'] },
        say: (id, line) => kubelets.say(id, line),
        end: (id, exitCode) => kubelets.end(id, exitCode),
        takeAway: async (id) => void (await plane.call('DELETE', `${running}/baleen-${id}`)),
        loseNode: async () => kubelets.lose('gpu-1'),
        bringBack: async () => kubelets.bringBack('gpu-1'),
        destroy: async () => void (await plane.call('DELETE', `/api/v1/namespaces/${namespace}`)),
      }
    })

    const ask = async (path: string) =>
      (await plane.call('GET', path)) as {
        metadata: { uid: string; generation: number; resourceVersion: string }
        items: { metadata: { name: string } }[]
      }

    it('changes nothing when the same is applied again, and rolls out what differs', async () => {
      const namespace = await newNamespace()
      const config = clusterOf(namespace)
      const api = connect(config)
      const spec = deploymentSpec.parse({ name: 'ant', model: 'x', replicas: 2 })
      const vendors = createVendors()
      const applyAll = async (argv: readonly string[]): Promise<void> => {
        const input = { spec, plan: { ...plan, argv }, port: 8000, config, vendors, vendor: null }
        for (const manifest of manifestsOf(deploymentWorkload(input))) await api.apply(manifest)
      }
      const apps = `/apis/apps/v1/namespaces/${namespace}`
      const replicaSets = async () => (await ask(`${apps}/replicasets`)).items.length
      await applyAll(['serve'])
      await until('a replica set', async () => (await replicaSets()) === 1)
      const { metadata: first } = await ask(`${apps}/deployments/baleen-ant`)
      for (let n = 0; n < 3; n++) await applyAll(['serve'])
      const { metadata: again } = await ask(`${apps}/deployments/baleen-ant`)
      expect(again).toMatchObject({ uid: first.uid, generation: first.generation })
      expect(await replicaSets()).toBe(1)
      await applyAll(['serve', '--longer'])
      await until('a second replica set', async () => (await replicaSets()) === 2)
      const { metadata: changed } = await ask(`${apps}/deployments/baleen-ant`)
      expect(changed.generation).toBe(first.generation + 1)
    })

    it('starts a replica of two nodes as one group, and takes all of it away again', async () => {
      const namespace = await newNamespace()
      const config = clusterOf(namespace)
      const api = connect(config)
      await plane.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', groupKind)
      const path = `/apis/${groupKind.spec.group}/v1/namespaces/${namespace}/leaderworkersets`
      await until('the kind', async () => Boolean(await plane.call('GET', path)))
      const runtime = createKubernetesRuntime({
        name: 'prod',
        config,
        vendors: createVendors(),
        api,
      })
      const worker = { ...plan, argv: ['serve', '--rank', '{rank}'] }
      const identity = { id: 'cat-1', deployment: 'cat', revision: 1, specHash: 'a', port: 8000 }
      const started = await runtime.start(identity, { ...plan, worker }, { ...anywhere, nodes: 2 })
      expect(started.waiting).toBe('the cluster has not made its pod yet')
      const group = (await plane.call('GET', `${path}/baleen-cat-1`)) as {
        spec: { leaderWorkerTemplate: { size: number; leaderTemplate: object } }
      }
      expect(group.spec.leaderWorkerTemplate.size).toBe(2)
      // What the controller of groups would do; here there is none.
      const { leaderTemplate } = group.spec.leaderWorkerTemplate as {
        leaderTemplate: { metadata: { labels: object }; spec: object }
      }
      const key = 'leaderworkerset.sigs.k8s.io/worker-index'
      const labels = { ...leaderTemplate.metadata.labels, [key]: '0' }
      await plane.call('POST', `/api/v1/namespaces/${namespace}/pods`, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'baleen-cat-1-0', labels },
        spec: leaderTemplate.spec,
      })
      const running = async () => (await runtime.list())[0]
      await expect.poll(async () => (await running())?.waiting, wait).toBeNull()
      expect((await running())?.node).toMatch(/^prod\/gpu-/)
      await runtime.stop('cat-1', 1000)
      expect(await runtime.list()).toEqual([])
      const services = await ask(`/api/v1/namespaces/${namespace}/services`)
      expect(services.items.map((one) => one.metadata.name)).toEqual([])
      await runtime.close()
    })

    it('gives up a start whose image can not be pulled, and says why', async () => {
      const config = clusterOf(await newNamespace())
      const api = connect(config)
      const runtime = createKubernetesRuntime({ name: 'prod', config, vendors: [], api })
      const ended: EndedReplica[] = []
      runtime.watch((event) => void (event.kind === 'ended' && ended.push(event)))
      const identity = { id: 'eel-1', deployment: 'eel', revision: 1, specHash: 'a', port: 8000 }
      await runtime.start(identity, { ...plan, image: 'missing.example.com/eel:1' }, anywhere)
      await until('the end', async () => ended.length === 1)
      expect(ended[0]?.failure).toMatchObject({
        code: 'runtime/image-not-found',
        message: expect.stringContaining('missing.example.com/eel:1 can’t be pulled') as string,
      })
      await until('nothing is left', async () => (await runtime.list()).length === 0)
      await runtime.close()
    })

    it('takes all that a replica can have, to the letter', async () => {
      const namespace = await newNamespace()
      const config = {
        ...clusterOf(namespace),
        models: { claim: 'models', hostPath: '/mnt/baleen' },
        queue: 'llm',
        imagePullSecrets: ['registry'],
      }
      const rich = {
        ...plan,
        env: { A: '1', WHERE: '{address}' },
        ports: [
          { name: 'http', port: 8000 },
          { name: 'handover', port: 8001 },
        ],
        secrets: { HF_TOKEN: { name: 'hub', key: null } },
        files: { 'engine.yaml': 'x: 1' },
        mounts: (['model', 'cache', 'scratch'] as const).map((kind) => ({
          path: `/${kind}`,
          kind,
        })),
        sharedMemoryBytes: 2 ** 33,
        drain: { preStopMs: 5000, signal: 'SIGTERM' as const, graceMs: 30_000 },
      }
      const spec = deploymentSpec.parse({
        name: 'bee',
        model: 'x',
        hardware: 'nvidia.com/mig-1g.10gb:1',
        placement: { labels: { disk: 'nvme' }, tolerates: ['dedicated=llm'], awayFrom: [] },
      })
      const api = connect(config)
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        const drain = { ...rich.drain, signal }
        const input = { spec, plan: { ...rich, drain }, port: 8000, config, vendor: null }
        const workload = deploymentWorkload({ ...input, vendors: createVendors() })
        const assignment = { ...anywhere, memoryBytes: 2 ** 30, cpus: 2 }
        // Applied with strict validation: a field that the server does not know is refused.
        for (const manifest of manifestsOf({ ...workload, assignment })) await api.apply(manifest)
      }
    })

    it('says what a queue says of a pod that it holds back', async () => {
      const namespace = await newNamespace()
      const kinds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
      const path = `/apis/kueue.x-k8s.io/v1beta2/namespaces/${namespace}/workloads`
      await plane.call('POST', kinds, queuedKind)
      await until('the kind', async () => Boolean(await plane.call('GET', path)))
      const config = { ...clusterOf(namespace), queue: 'llm' }
      const api = connect(config)
      const runtime = createKubernetesRuntime({ name: 'prod', config, vendors: [], api })
      // In place of the webhook of Kueue's: a pod that is held back.
      const identity = { id: 'dog-1', deployment: 'dog', revision: 1, specHash: 'a', port: 8000 }
      await runtime.start(identity, plan, { ...anywhere, labels: { nowhere: 'yes' } })
      const deployment = `/apis/apps/v1/namespaces/${namespace}/deployments/baleen-dog-1`
      const type = 'application/merge-patch+json'
      const schedulingGates = [{ name: 'kueue.x-k8s.io/admission' }]
      await plane.call(
        'PATCH',
        deployment,
        { spec: { template: { spec: { schedulingGates } } } },
        type,
      )
      const waiting = async () => (await runtime.list())[0]?.waiting
      await expect.poll(waiting, wait).toBe('queued: Kueue has not admitted it yet')
      const pods = (await plane.call('GET', `/api/v1/namespaces/${namespace}/pods`)) as {
        items: { metadata: { name: string; uid: string; deletionTimestamp?: string } }[]
      }
      const [{ metadata: pod }] = pods.items.filter((one) => !one.metadata.deletionTimestamp) as [
        (typeof pods.items)[number],
      ]
      const owner = { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid }
      await plane.call('POST', path, {
        apiVersion: 'kueue.x-k8s.io/v1beta2',
        kind: 'Workload',
        metadata: { name: 'pod-dog', ownerReferences: [owner] },
        status: { conditions: [{ type: 'QuotaReserved', status: 'False', message: 'no quota' }] },
      })
      await expect.poll(waiting, wait).toBe('queued: no quota')
      await runtime.stop('dog-1', 1000)
      await runtime.close()
    })

    it('hears of what happened while the API server was away', async () => {
      const namespace = await newNamespace()
      const config = clusterOf(namespace)
      const api = connect(config)
      const runtime = createKubernetesRuntime({ name: 'prod', config, vendors: [], api })
      const events: RuntimeEvent[] = []
      runtime.watch((event) => events.push(event))
      const identity = { id: 'ant-1', deployment: 'ant', revision: 1, specHash: 'a', port: 8000 }
      await runtime.start(identity, plan, anywhere)
      await until('a running replica', async () => (await runtime.list())[0]?.waiting === null)
      await plane.stopServer()
      await expect
        .poll(() => runtime.list().catch((thrown: AppError) => thrown.code), wait)
        .toBe('runtime/unreachable')
      await plane.startServer()
      await kubelets.end('ant-1', 3)
      await expect
        .poll(() => events.filter((one) => one.kind === 'ended'), wait)
        .toMatchObject([{ id: 'ant-1', exitCode: 3 }])
      await runtime.close()
    })

    it('says what is missing where a context or a namespace is not there', async () => {
      const from = { kubeconfig: plane.kubeconfig, context: 'nowhere' }
      expect(() => connect(from)).toThrow(
        expect.objectContaining({
          code: 'runtime/unreachable',
          message: expect.stringContaining('test') as string,
        }),
      )
      const config = clusterOf('not-there')
      const api = connect(config)
      const runtime = createKubernetesRuntime({ name: 'prod', config, vendors: [], api })
      const identity = { id: 'ant-1', deployment: 'ant', revision: 1, specHash: 'a', port: 8000 }
      await expect(runtime.start(identity, plan, anywhere)).rejects.toMatchObject({
        code: 'runtime/refused',
        message: expect.stringContaining('namespaces "not-there" not found') as string,
      })
      await runtime.close()
    })

    it('needs each of its rights, and no other', () => {
      const calls = [...accounts.values()].flatMap(({ user }) => plane.calls(user))
      const rightsUsed = (some: typeof calls): string[] =>
        some.flatMap(({ verb, object, status }) => {
          if (!object) return []
          const { group, resource, namespace } = object
          const what = `${namespace === null ? '* ' : ''}${group === '' ? '' : `${group}/`}${resource}`
          // Applying what is not there yet takes the right to create.
          return status === 201 ? [`${what} ${verb}`, `${what} create`] : [`${what} ${verb}`]
        })
      const used = new Set(rightsUsed(calls.filter(({ status }) => status !== 403)))
      expect([...used].toSorted()).toEqual([...rightsOf(accessOf('base'))].toSorted())
      // A server that has just been started refuses everything for a moment.
      const refused = rightsUsed(calls.filter(({ status }) => status === 403))
      expect(refused.filter((right) => !used.has(right))).toEqual([])
    })

    it('may not do anything else', async () => {
      const namespace = await newNamespace()
      const other = await newNamespace()
      const call = plane.callAs(accounts.get(namespace)!.token)
      const [core, apps] = ['/api/v1', '/apis/apps/v1']
      const access = '/apis/rbac.authorization.k8s.io/v1'
      const here = `namespaces/${namespace}`
      const forbidden = [
        ['GET', `${core}/${here}/secrets`],
        ['GET', `${core}/namespaces/${other}/secrets`],
        ['GET', `${core}/namespaces/kube-system/secrets`],
        ['GET', `${core}/secrets`],
        ['GET', `${core}/namespaces`],
        ['GET', `${core}/services`],
        ['GET', `${apps}/deployments`],
        ['GET', `${apps}/namespaces/${other}/deployments`],
        ['DELETE', `${apps}/namespaces/${other}/deployments/engine`],
        ['DELETE', `${core}/namespaces/${other}/pods/engine`],
        ['GET', `${core}/namespaces/${other}/pods/engine/log`],
        ['POST', `${core}/${here}/pods`],
        ['POST', `${core}/${here}/pods/engine/exec`],
        ['POST', `${core}/${here}/pods/engine/eviction`],
        ['POST', `${core}/${here}/serviceaccounts/default/token`],
        ['GET', `${core}/${here}/configmaps`],
        ['PATCH', `${core}/nodes/gpu-1`],
        ['DELETE', `${core}/nodes/gpu-1`],
        ['POST', `${access}/clusterroles`],
        ['POST', `${access}/clusterrolebindings`],
        ['PATCH', `${access}/${here}/roles/baleen`],
        ['POST', `${access}/${here}/rolebindings`],
        ['DELETE', `${core}/namespaces/${namespace}`],
      ] as const
      for (const [method, path] of forbidden) {
        const body = method === 'POST' || method === 'PATCH' ? {} : undefined
        const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
        await expect(call(method, path, body, type), path).rejects.toThrow(/: 403 .*forbidden/)
      }
      // Which shows that the account itself is fine.
      await expect(call('GET', `${apps}/${here}/deployments`)).resolves.toBeTruthy()
    })
  },
)

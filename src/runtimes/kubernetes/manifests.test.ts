import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { runtimesConfig, type KubernetesConfig } from '../../contract/runtimes.ts'
import { anywhere } from '../../core/node.ts'
import { launchPlan, probeOf } from '../../engines/launch-plan.ts'
import { manifestsOf } from './manifests.ts'
import { objectName } from './names.ts'
import { replicaWorkload } from './replica-workload.ts'
import type { Workload } from './workload.ts'

const cluster = (changes: object = {}): KubernetesConfig => {
  const { prod } = runtimesConfig.parse({ prod: { kind: 'kubernetes', ...changes } })
  return prod as KubernetesConfig
}
const identity = { id: 'ant-1', deployment: 'ant', revision: 1, specHash: 'a', port: 8000 }
const plan = launchPlan({ argv: ['serve', '--port', '8000'], image: 'example.com/engine:1' })
const workload = (changes: Partial<Workload> = {}, config = cluster()): Workload => {
  const carried = { ...identity, devices: [] }
  const input = { identity, plan, assignment: anywhere, devices: null, config, carried }
  return { ...replicaWorkload(input), ...changes }
}

interface Template {
  readonly metadata: { readonly labels: object; readonly annotations?: object }
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly containers: readonly Readonly<Record<string, unknown>>[]
  }
}
const templateOf = (one: Workload): Template => {
  const object = manifestsOf(one).find((manifest) => manifest.kind === 'Deployment')
  return (object!['spec'] as { template: Template }).template
}
const containerOf = (one: Workload) => templateOf(one).spec.containers[0]!

describe('manifests of a replica', () => {
  it('are the same for the same workload, in the order in which they are applied', () => {
    const files = { 'b.yaml': 'b', 'a.yaml': 'a' }
    const turned = { 'a.yaml': 'a', 'b.yaml': 'b' }
    const of = (some: Record<string, string>) =>
      manifestsOf(workload({ plan: { ...plan, files: some, env: { B: '1', A: '2' } } }))
    expect(JSON.stringify(of(files))).toBe(JSON.stringify(of(turned)))
    expect(of(files).map((one) => one.kind)).toEqual([
      'ConfigMap',
      'Deployment',
      'Service',
      'PodDisruptionBudget',
    ])
  })

  it('keep variables of Services and tokens away from the engine', () => {
    expect(templateOf(workload()).spec).toMatchObject({
      enableServiceLinks: false,
      automountServiceAccountToken: false,
    })
    expect(objectName('vllm')).toBe('baleen-vllm')
  })

  it('wait for the load, and give the engine its time to drain', () => {
    const slow = {
      ...plan,
      drain: { preStopMs: 15_000, signal: 'SIGTERM' as const, graceMs: 85_000 },
      probes: {
        startup: { ...probeOf('/health'), periodMs: 10_000, loadTimeoutMs: 1_800_000 },
        readiness: probeOf('/ready', { periodMs: 2000, timeoutMs: 1500, failures: 2 }),
        liveness: null,
      },
    }
    const one = workload({ plan: slow })
    expect(templateOf(one).spec['terminationGracePeriodSeconds']).toBe(105)
    const container = containerOf(one)
    expect(container).toMatchObject({
      startupProbe: { httpGet: { path: '/health' }, periodSeconds: 10, failureThreshold: 180 },
      readinessProbe: { httpGet: { path: '/ready' }, periodSeconds: 2, timeoutSeconds: 2 },
      lifecycle: { preStop: { sleep: { seconds: 15 } } },
    })
    expect(container).not.toHaveProperty('livenessProbe')
  })

  it('ask for devices, on the node that is named', () => {
    const devices = {
      resource: 'nvidia.com/mig-1g.10gb',
      count: 2,
      nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3' },
      tolerations: [{ key: 'nvidia.com/gpu', value: '', effect: 'no' as const }],
    }
    const assignment = { ...anywhere, node: 'prod/gpu-1', memoryBytes: 2 ** 30, cpus: 2.5 }
    const one = workload({ devices, assignment })
    expect(templateOf(one).spec).toMatchObject({
      nodeSelector: {
        'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3',
        'kubernetes.io/hostname': 'gpu-1',
      },
      tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
    })
    const same = { 'nvidia.com/mig-1g.10gb': '2', memory: '1073741824' }
    expect(containerOf(one)['resources']).toEqual({
      limits: same,
      requests: { ...same, cpu: '2500m' },
    })
  })

  it('refer to secrets, mount files, models, caches and shared memory', () => {
    const rich = {
      ...plan,
      argv: ['serve', '--config', '{files}/engine.yaml'],
      files: { 'engine.yaml': 'x: 1' },
      secrets: { HF_TOKEN: { name: 'hub', key: 'token' } },
      mounts: [
        { path: '/models/ant.gguf', kind: 'model' as const },
        { path: '/root/.cache/vllm', kind: 'cache' as const },
      ],
      sharedMemoryBytes: 2 ** 33,
    }
    const config = cluster({ models: { claim: 'models', hostPath: '/mnt/baleen' }, queue: 'llm' })
    const one = workload({ plan: rich, cluster: config })
    const container = containerOf(one)
    expect(container['command']).toEqual(['serve', '--config', '/etc/baleen/engine.yaml'])
    expect(container['env']).toEqual([
      { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: 'hub', key: 'token' } } },
    ])
    expect(templateOf(one).spec['volumes']).toEqual([
      { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '8589934592' } },
      { name: 'files', configMap: { name: 'baleen-ant-1' } },
      { name: 'model-0', persistentVolumeClaim: { claimName: 'models', readOnly: true } },
      {
        name: 'cache-1',
        hostPath: { path: '/mnt/baleen/cache/root-cache-vllm', type: 'DirectoryOrCreate' },
      },
    ])
    expect(container['volumeMounts']).toContainEqual({
      name: 'model-0',
      mountPath: '/models',
      readOnly: true,
    })
    expect(templateOf(one).metadata.labels).toHaveProperty(['kueue.x-k8s.io/queue-name'], 'llm')
    expect(templateOf(one).metadata.annotations).toHaveProperty(['baleen.dev/files'])
  })

  it('hide no model of the image where models have no place of their own', () => {
    const mounts = [{ path: '/models/ant', kind: 'model' as const }]
    const one = workload({ plan: { ...plan, mounts }, cluster: cluster({}) })
    expect(containerOf(one)).not.toHaveProperty('volumeMounts')
    expect(templateOf(one).spec).not.toHaveProperty('volumes')
  })

  it('start programs of ours where the image has them', () => {
    const program = fileURLToPath(new URL('../../main.ts', import.meta.url))
    const one = workload({ plan: { ...plan, argv: ['node', program, '--port', '8000'] } })
    expect(containerOf(one)['command']).toEqual(['node', '/app/src/main.ts', '--port', '8000'])
  })

  it('make a group of pods where one replica spans nodes, and send requests to its leader alone', () => {
    const assignment = { ...anywhere, nodes: 4 }
    const worker = { ...plan, argv: ['serve', '--rank', '{rank}', '--at', '{leader}:1'] }
    const [group, service] = manifestsOf(workload({ assignment, plan: { ...plan, worker } }))
    const expected = ['serve', '--rank', '$(LWS_WORKER_INDEX)', '--at', '$(LWS_LEADER_ADDRESS):1']
    expect(group).toMatchObject({
      apiVersion: 'leaderworkerset.x-k8s.io/v1',
      kind: 'LeaderWorkerSet',
      spec: {
        leaderWorkerTemplate: {
          size: 4,
          restartPolicy: 'RecreateGroupOnPodRestart',
          workerTemplate: { spec: { containers: [{ command: expected }] } },
        },
      },
    })
    // The group's own Service has its name.
    expect(service).toMatchObject({
      metadata: { name: 'baleen-ant-1-leader' },
      spec: { selector: { 'app.kubernetes.io/component': 'leader' } },
    })
  })

  it('let Kueue admit a group as a whole, not pod by pod', () => {
    const assignment = { ...anywhere, nodes: 2 }
    const [group] = manifestsOf(workload({ assignment, cluster: cluster({ queue: 'llm' }) }))
    expect(group?.metadata.labels).toHaveProperty(['kueue.x-k8s.io/queue-name'], 'llm')
    expect(JSON.stringify(group?.['spec'])).not.toContain('kueue.x-k8s.io/queue-name')
  })

  it('take a replica to the nodes that its deployment names, in spite of their taints', () => {
    const assignment = {
      ...anywhere,
      labels: { disk: 'nvme' },
      tolerates: ['dedicated=llm', 'spot'],
    }
    const input = { identity, plan, devices: null, config: cluster(), carried: identity }
    const { spec } = templateOf(replicaWorkload({ ...input, assignment }))
    expect(spec['nodeSelector']).toEqual({ disk: 'nvme' })
    expect(spec['tolerations']).toEqual([
      { key: 'dedicated', operator: 'Equal', value: 'llm' },
      { key: 'spot', operator: 'Exists' },
    ])
  })

  it('keep the leaders of groups apart, and not a group from itself', () => {
    const spread = { over: 'zone', mode: 'preferred' } as const
    const assignment = { ...anywhere, nodes: 2 }
    const [group] = manifestsOf(workload({ assignment, spread }))
    const { leaderTemplate, workerTemplate } = (
      group!['spec'] as { leaderWorkerTemplate: Record<string, Template> }
    ).leaderWorkerTemplate
    expect(workerTemplate!.spec).not.toHaveProperty('topologySpreadConstraints')
    expect(leaderTemplate!.spec['topologySpreadConstraints']).toMatchObject([
      { labelSelector: { matchLabels: { 'app.kubernetes.io/component': 'leader' } } },
    ])
  })

  it('leave the number of replicas to who scales them', () => {
    const [deployment] = manifestsOf(workload({ replicas: null }))
    expect(deployment?.['spec']).not.toHaveProperty('replicas')
  })

  it('let one pod of a deployment be away at a time, broken ones not counted', () => {
    const budget = manifestsOf(workload()).at(-1)
    expect(budget).toMatchObject({
      metadata: { name: 'baleen-ant-budget' },
      spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
    })
  })

  it('interrupt an engine that does not know SIGTERM', () => {
    const drain = { preStopMs: 5000, signal: 'SIGINT' as const, graceMs: 20_000 }
    expect(containerOf(workload({ plan: { ...plan, drain } }))['lifecycle']).toEqual({
      preStop: { exec: { command: ['/bin/sh', '-c', 'sleep 5; kill -INT 1; sleep 20'] } },
    })
  })

  it('say what is missing without an image', () => {
    const input = { identity, plan: { ...plan, image: null }, assignment: anywhere, devices: null }
    expect(() => replicaWorkload({ ...input, config: cluster(), carried: {} })).toThrow(
      expect.objectContaining({ code: 'runtime/refused' }),
    )
  })

  it('have names that fit, each its own', () => {
    const long = 'a'.repeat(63)
    const names = [objectName(`${long}-1`), objectName(`${long}-2`)]
    for (const name of names) expect(name.length).toBeLessThanOrEqual(45)
    expect(new Set(names).size).toBe(2)
  })
})

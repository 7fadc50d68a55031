import type { LaunchPlan, Probe } from '../../engines/engine.ts'
import { modelsPath } from '../model-mount.ts'
import { containerArgv } from '../own-program.ts'
import { containerName, filesAnnotation, hashOf, labelKeys, portName, queueLabel } from './names.ts'
import type { Workload } from './workload.ts'

const filesPath = '/etc/baleen'
/** After its last signal a process may still need to unload. */
const lastWordsS = 5
const groupOfUsers = 2000

/** One pod of a workload. `worker`: it does not serve HTTP itself. */
export function podTemplate(
  workload: Workload,
  plan: LaunchPlan,
  role: 'leader' | 'worker' = 'leader',
): object {
  const { assignment, cluster, devices, selector, labels } = workload
  const isGroup = assignment.nodes > 1
  const files = Object.keys(plan.files).length > 0
  const tolerations = [...(devices?.tolerations ?? []), ...workload.tolerates].map(toToleration)
  const nodeSelector = {
    ...devices?.nodeSelector,
    ...workload.nodeLabels,
    ...(assignment.node === null ? {} : { 'kubernetes.io/hostname': nodeNameOf(assignment.node) }),
  }
  return {
    metadata: {
      labels: {
        ...labels,
        ...selector,
        ...(isGroup ? { [labelKeys.component]: role } : {}),
        // A group is admitted as a whole: there the label is at its top.
        ...(isGroup ? {} : queueLabel(cluster)),
      },
      ...(files
        ? { annotations: { [filesAnnotation]: hashOf(JSON.stringify(sorted(plan.files))) } }
        : {}),
    },
    spec: {
      // Services would set variables that engines take for their own.
      enableServiceLinks: false,
      automountServiceAccountToken: false,
      ...(cluster.serviceAccount === undefined
        ? {}
        : { serviceAccountName: cluster.serviceAccount }),
      ...(cluster.priorityClass === undefined ? {} : { priorityClassName: cluster.priorityClass }),
      ...(cluster.runtimeClass === undefined ? {} : { runtimeClassName: cluster.runtimeClass }),
      ...(cluster.imagePullSecrets.length > 0
        ? { imagePullSecrets: cluster.imagePullSecrets.map((name) => ({ name })) }
        : {}),
      terminationGracePeriodSeconds:
        seconds(plan.drain.preStopMs) + seconds(plan.drain.graceMs) + lastWordsS,
      securityContext: {
        fsGroup: groupOfUsers,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(Object.keys(nodeSelector).length > 0 ? { nodeSelector } : {}),
      ...(tolerations.length > 0 ? { tolerations } : {}),
      ...spread(workload, role),
      ...(isGroup ? apart(workload) : {}),
      containers: [container(workload, plan, role)],
      ...volumes(workload, plan),
    },
  }
}

/** Each pod of a group has a node to itself, as far as its own group goes. */
const apart = ({ selector }: Workload): object => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        {
          topologyKey: 'kubernetes.io/hostname',
          labelSelector: { matchLabels: selector },
          matchLabelKeys: ['leaderworkerset.sigs.k8s.io/group-index'],
        },
      ],
    },
  },
})

/** Of a group its leaders alone are kept apart: the rest has to be near its own. */
function spread(
  { spread: wanted, selector, assignment }: Workload,
  role: 'leader' | 'worker',
): object {
  if (!wanted || wanted.over === 'none' || role === 'worker') return {}
  const leaders = assignment.nodes > 1 ? { [labelKeys.component]: role } : {}
  return {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey:
          wanted.over === 'zone' ? 'topology.kubernetes.io/zone' : 'kubernetes.io/hostname',
        whenUnsatisfiable: wanted.mode === 'required' ? 'DoNotSchedule' : 'ScheduleAnyway',
        labelSelector: { matchLabels: { ...selector, ...leaders } },
      },
    ],
  }
}

function container(workload: Workload, plan: LaunchPlan, role: 'leader' | 'worker'): object {
  // The others are variables that the cluster sets in pods of a group.
  const at = (text: string): string =>
    text
      .replaceAll('{files}', filesPath)
      .replaceAll('{leader}', '$(LWS_LEADER_ADDRESS)')
      .replaceAll('{rank}', '$(LWS_WORKER_INDEX)')
      .replaceAll('{address}', '$(BALEEN_POD_ADDRESS)')
  const knowsAddress = Object.values(plan.env).includes('{address}')
  const env = [
    // First: only what stands before a variable can be named in it.
    ...(knowsAddress
      ? [{ name: 'BALEEN_POD_ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }]
      : []),
    ...sorted(plan.env).map(([name, value]) => ({ name, value: at(value) })),
    ...sorted(plan.secrets).map(([name, secret]) => ({
      name,
      valueFrom: { secretKeyRef: { name: secret.name, key: secret.key ?? 'value' } },
    })),
  ]
  const mounts = volumeMounts(workload, plan)
  return {
    name: containerName,
    image: plan.image,
    command: containerArgv(plan.argv).map(at),
    ...(env.length > 0 ? { env } : {}),
    ...(role === 'leader'
      ? {
          ports: [{ name: portName, containerPort: workload.port, protocol: 'TCP' }],
          ...probes(plan),
        }
      : {}),
    ...resources(workload),
    ...preStop(plan),
    terminationMessagePolicy: 'FallbackToLogsOnError',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    ...(mounts.length > 0 ? { volumeMounts: mounts } : {}),
  }
}

/** A start probe that fails starts the engine again: it has to last as long as the largest load. */
function probes({ probes: { startup, readiness, liveness } }: LaunchPlan): object {
  return {
    startupProbe: {
      ...probe(startup),
      failureThreshold: Math.max(1, Math.ceil(startup.loadTimeoutMs / startup.periodMs)),
    },
    readinessProbe: probe(readiness),
    ...(liveness ? { livenessProbe: probe(liveness) } : {}),
  }
}

const probe = ({ path, periodMs, timeoutMs, failures }: Probe): object => ({
  httpGet: { path, port: portName },
  periodSeconds: seconds(periodMs),
  timeoutSeconds: seconds(timeoutMs),
  failureThreshold: failures,
})

/** Requests equal limits: devices can't be shared out twice, and an engine that is squeezed is worse than none. */
function resources({ assignment, devices }: Workload): object {
  const { cpus, memoryBytes } = assignment
  const amounts = {
    ...(cpus === null ? {} : { cpu: `${Math.round(cpus * 1000)}m` }),
    ...(memoryBytes === null ? {} : { memory: String(memoryBytes) }),
    ...(devices ? { [devices.resource]: String(devices.count) } : {}),
  }
  const { cpu, ...limits } = amounts
  if (Object.keys(amounts).length === 0) return {}
  return {
    resources: {
      ...(Object.keys(limits).length > 0 ? { limits } : {}),
      // A limit of CPU would throttle the engine's loop in the middle of a step.
      requests: { ...limits, ...(cpu === undefined ? {} : { cpu }) },
    },
  }
}

/** Gateways leave a pod while it waits; SIGTERM comes after, or here the signal that the engine knows. */
function preStop({ drain }: LaunchPlan): object {
  const wait = seconds(drain.preStopMs)
  if (drain.signal === 'SIGINT') {
    const graceS = seconds(drain.graceMs)
    const script = `sleep ${wait}; kill -INT 1; sleep ${graceS}`
    return { lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', script] } } } }
  }
  return wait > 0 ? { lifecycle: { preStop: { sleep: { seconds: wait } } } } : {}
}

/** Without a place for models the engine's is in its image, and a volume would hide it. */
function mountsOf({ cluster }: Workload, { mounts }: LaunchPlan): LaunchPlan['mounts'] {
  const { claim, hostPath } = cluster.models
  return mounts.filter(
    ({ kind }) => kind !== 'model' || claim !== undefined || hostPath !== undefined,
  )
}

function volumeMounts(workload: Workload, plan: LaunchPlan): object[] {
  return [
    ...(plan.sharedMemoryBytes === null ? [] : [{ name: 'shm', mountPath: '/dev/shm' }]),
    ...(Object.keys(plan.files).length > 0
      ? [{ name: 'files', mountPath: filesPath, readOnly: true }]
      : []),
    ...mountsOf(workload, plan).map(({ path, kind }, index) => ({
      name: `${kind}-${index}`,
      ...(kind === 'model' ? { mountPath: modelsPath(path), readOnly: true } : { mountPath: path }),
    })),
  ]
}

function volumes(workload: Workload, plan: LaunchPlan): object {
  const { name, cluster } = workload
  const { claim, hostPath } = cluster.models
  const all = [
    ...(plan.sharedMemoryBytes === null
      ? []
      : [
          {
            name: 'shm',
            emptyDir: { medium: 'Memory', sizeLimit: String(plan.sharedMemoryBytes) },
          },
        ]),
    ...(Object.keys(plan.files).length > 0 ? [{ name: 'files', configMap: { name } }] : []),
    ...mountsOf(workload, plan).map(({ kind, path }, index) => {
      const volume = `${kind}-${index}`
      if (kind === 'model' && claim !== undefined)
        return { name: volume, persistentVolumeClaim: { claimName: claim, readOnly: true } }
      if (kind !== 'scratch' && hostPath !== undefined)
        return {
          name: volume,
          hostPath: {
            path: kind === 'model' ? hostPath : `${hostPath}/cache/${cacheName(path)}`,
            type: kind === 'model' ? 'Directory' : 'DirectoryOrCreate',
          },
        }
      return { name: volume, emptyDir: {} }
    }),
  ]
  return all.length > 0 ? { volumes: all } : {}
}

/** Caches of different paths must not meet in one directory. */
const cacheName = (path: string): string => path.replaceAll(/[^a-zA-Z0-9]+/g, '-').replace(/^-/, '')

const effects = { no: 'NoSchedule', 'prefer-no': 'PreferNoSchedule', evict: 'NoExecute' } as const

const toToleration = ({ key, value, effect }: Workload['tolerates'][number]): object => ({
  key,
  ...(value === '' ? { operator: 'Exists' } : { operator: 'Equal', value }),
  ...(effect === null ? {} : { effect: effects[effect] }),
})

/** Nodes are named `RUNTIME/NODE`, so that those of two clusters differ. */
export const nodeNameOf = (name: string): string => name.slice(name.indexOf('/') + 1)

const seconds = (ms: number): number => Math.ceil(ms / 1000)

const sorted = <T>(record: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))

import { labelKeys, portName, queueLabel, serviceName } from './names.ts'
import { podTemplate } from './pod-template.ts'
import type { Manifest, Workload } from './workload.ts'

/**
 * All objects of a workload, in the order in which they are applied. The same workload gives the same bytes: nothing
 * in it depends on when or where it was made, so that applying it again changes nothing.
 */
export function manifestsOf(workload: Workload): readonly Manifest[] {
  return [
    ...filesOf(workload),
    workload.assignment.nodes > 1 ? leaderWorkerSet(workload) : deployment(workload),
    service(workload),
    ...budgetOf(workload),
  ]
}

/** In the order of `manifestsOf`, for what has to go again. */
export const kindsOf = { deployment: 'Deployment', group: 'LeaderWorkerSet' } as const

/** GPUs rarely have room for one more: the old pod goes before the new one comes. */
const rollout = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } }

function deployment(workload: Workload): Manifest {
  const { replicas, selector, plan } = workload
  return {
    apiVersion: 'apps/v1',
    kind: kindsOf.deployment,
    metadata: metadataOf(workload),
    spec: {
      ...(replicas === null ? {} : { replicas }),
      strategy: rollout,
      // Its default of ten minutes is less than large models take to load.
      progressDeadlineSeconds: Math.ceil(plan.probes.startup.loadTimeoutMs / 1000) + 300,
      selector: { matchLabels: selector },
      template: podTemplate(workload, plan),
    },
  }
}

/** Pods that only together are a replica: if one goes, all start again. */
function leaderWorkerSet(workload: Workload): Manifest {
  const { replicas, assignment, plan } = workload
  const leader = podTemplate(workload, plan)
  const metadata = metadataOf(workload)
  return {
    apiVersion: 'leaderworkerset.x-k8s.io/v1',
    kind: kindsOf.group,
    metadata: { ...metadata, labels: { ...metadata.labels, ...queueLabel(workload.cluster) } },
    spec: {
      ...(replicas === null ? {} : { replicas }),
      startupPolicy: 'LeaderCreated',
      rolloutStrategy: {
        type: 'RollingUpdate',
        rollingUpdateConfiguration: { maxSurge: 0, maxUnavailable: 1 },
      },
      leaderWorkerTemplate: {
        size: assignment.nodes,
        restartPolicy: 'RecreateGroupOnPodRestart',
        leaderTemplate: leader,
        workerTemplate: podTemplate(workload, plan.worker ?? plan, 'worker'),
      },
    },
  }
}

function service(workload: Workload): Manifest {
  const { name, selector, cluster, assignment, plan } = workload
  const isGroup = assignment.nodes > 1
  const leaderOnly = isGroup ? { [labelKeys.component]: 'leader' } : {}
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadataOf(workload), name: serviceName(name, isGroup) },
    spec: {
      ...(cluster.address === 'node' ? { type: 'NodePort' } : {}),
      selector: { ...selector, ...leaderOnly },
      ports: [
        { name: portName, port: workload.port, protocol: 'TCP', targetPort: portName },
        ...plan.ports.slice(1).map((one) => ({ ...one, protocol: 'TCP', targetPort: one.port })),
      ],
    },
  }
}

/** At most one away: with `minAvailable` a single replica would hold up the drain of its node for ever. */
function budgetOf(workload: Workload): Manifest[] {
  if (!workload.budget) return []
  const { name, selector } = workload.budget
  return [
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { ...metadataOf(workload), name },
      spec: {
        maxUnavailable: 1,
        // One that is broken anyway must not hold up a drain.
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: { matchLabels: selector },
      },
    },
  ]
}

function filesOf(workload: Workload): Manifest[] {
  const files = Object.entries(workload.plan.files).toSorted(([a], [b]) => (a < b ? -1 : 1))
  if (files.length === 0) return []
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadataOf(workload),
      data: Object.fromEntries(files),
    },
  ]
}

function metadataOf({
  name,
  cluster,
  selector,
  labels,
  annotations,
}: Workload): Manifest['metadata'] {
  return {
    name,
    namespace: cluster.namespace,
    labels: { ...labels, ...selector },
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  }
}

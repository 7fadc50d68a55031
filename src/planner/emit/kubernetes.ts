import { stringify } from 'yaml'
import type { Vendor } from '../accelerator.ts'
import { type Command, type Emission, isPath, plainName } from './emission.ts'

const resources: Readonly<Partial<Record<Vendor, string>>> = {
  nvidia: 'nvidia.com/gpu',
  amd: 'amd.com/gpu',
  intel: 'gpu.intel.com/i915',
  google: 'google.com/tpu',
  aws: 'aws.amazon.com/neuron',
  huawei: 'huawei.com/Ascend910',
}

/** As many devices as machines are sold with. */
const nodeDevices = 8

/** What a manifest can't know of the nodes. */
function placeNotes({ source, device }: Emission, devices: number): string[] {
  const isRack = /^GB\d00/.test(device.name)
  return [
    ...(isPath(source)
      ? [`${source} is a path on this machine: put it into the image, or mount it under this path`]
      : []),
    ...(devices > nodeDevices && !isRack
      ? [
          `a replica takes ${devices} devices: a pod has those of one node, so several nodes need a LeaderWorkerSet: baleen deploy with placement.nodes makes one`,
        ]
      : []),
  ]
}

/** Deployment, Service and disruption budget; a replica is a pod with all its devices. */
export function kubernetesManifest(emission: Emission, command: Command): string {
  const { settings, device } = emission
  const name = `llm-${plainName(emission)}`
  const labels = { 'app.kubernetes.io/name': name }
  const resource = resources[device.vendor]
  const devices = settings.tensorParallel * settings.pipelineParallel * settings.dataParallel
  const probe = { httpGet: { path: '/health', port: 'http' } }
  const files = Object.entries(command.files)
  const { channel } = command
  const container = {
    name: 'engine',
    image: command.image,
    command: [...command.argv],
    ...(files.length > 0 ? { workingDir: '/config' } : {}),
    ...(channel
      ? {
          env: [
            { name: channel.hostVariable, valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: channel.portVariable, value: String(channel.port) },
          ],
        }
      : {}),
    ports: [{ name: 'http', containerPort: command.port }],
    ...(resource ? { resources: { limits: { [resource]: String(devices) } } } : {}),
    startupProbe: { ...probe, periodSeconds: 10, failureThreshold: 180 },
    readinessProbe: { ...probe, periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 },
    livenessProbe: { ...probe, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 10 },
    lifecycle: { preStop: { sleep: { seconds: 15 } } },
    volumeMounts: [
      { name: 'shm', mountPath: '/dev/shm' },
      ...(files.length > 0 ? [{ name: 'config', mountPath: '/config' }] : []),
    ],
  }
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: {
      replicas: settings.replicas,
      // Devices seldom leave room for one more.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      progressDeadlineSeconds: 1800,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          enableServiceLinks: false,
          terminationGracePeriodSeconds: 120,
          containers: [container],
          volumes: [
            { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '8Gi' } },
            ...(files.length > 0 ? [{ name: 'config', configMap: { name } }] : []),
          ],
          ...(resource
            ? { tolerations: [{ key: resource, operator: 'Exists', effect: 'NoSchedule' }] }
            : {}),
        },
      },
    },
  }
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  }
  const budget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name },
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  }
  const config = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: command.files,
  }
  const objects = [...(files.length > 0 ? [config] : []), deployment, service, budget]
  const notes = [...command.notes, ...placeNotes(emission, devices)]
    .map((note) => `# ${note}\n`)
    .join('')
  return (
    notes +
    objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n')
  )
}

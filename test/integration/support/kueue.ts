import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ControlPlane } from './control-plane.ts'
import {
  makeKinds,
  makeWebhooks,
  objectsIn,
  resourcesOf,
  webhookPlace,
  type WebhookObject,
} from './controller.ts'
import { cached, freePort, has, startDaemon, until, type Daemon } from './tools.ts'

/** Kueue's own controller, which admits pods within quotas: https://kueue.sigs.k8s.io */
const module = 'sigs.k8s.io/kueue'
const version = 'v0.17.0'
const buildMs = 3_600_000

/** A folder with the program and its objects; or why this machine can't have them. */
export function kueueProgram(): { path: string } | { missing: string } {
  if (!has('go')) return { missing: 'go is not there, which builds Kueue' }
  try {
    return { path: cached('kueue', `${module}@${version}`, build) }
  } catch (thrown) {
    return { missing: `Kueue can not be built: ${(thrown as Error).message.slice(0, 200)}` }
  }
}

function build(path: string): void {
  mkdirSync(path)
  const go = (...argv: readonly string[]): string => {
    const env = { ...process.env, CGO_ENABLED: '0', GOBIN: path, GOFLAGS: '-buildvcs=false' }
    return execFileSync('go', argv, { env, encoding: 'utf8', stdio: 'pipe', timeout: buildMs })
  }
  go('install', '-trimpath', '-ldflags', '-s -w', `${module}/cmd/kueue@${version}`)
  const { Dir: source } = JSON.parse(go('mod', 'download', '-json', `${module}@${version}`)) as {
    Dir: string
  }
  const components = join(source, 'config/components')
  const kinds = readdirSync(join(components, 'crd/bases'))
  writeFileSync(
    join(path, 'kinds.yaml'),
    kinds.map((kind) => readFileSync(join(components, 'crd/bases', kind), 'utf8')).join('\n'),
  )
  copyFileSync(join(components, 'webhook/manifests.yaml'), join(path, 'webhooks.yaml'))
}

/** Of the webhooks for all that Kueue can admit, those of what is used here. */
const admitted: readonly string[] = ['pods', 'deployments', 'leaderworkersets']
const frameworks = ['pod', 'deployment']
const ofGroups = 'leaderworkerset.x-k8s.io/leaderworkerset'

/** `hasGroups`: LeaderWorkerSets are known there. */
export async function startKueue(
  plane: ControlPlane,
  folder: string,
  program: string,
  { hasGroups }: { readonly hasGroups: boolean },
): Promise<Daemon> {
  const webhook = await webhookPlace(plane, folder)
  const healthPort = await freePort()
  const config = {
    apiVersion: 'config.kueue.x-k8s.io/v1beta2',
    kind: 'Configuration',
    webhook,
    health: { healthProbeBindAddress: `127.0.0.1:${healthPort}` },
    metrics: { bindAddress: '0' },
    leaderElection: { leaderElect: false },
    internalCertManagement: { enable: false },
    integrations: { frameworks: [...frameworks, ...(hasGroups ? [ofGroups] : [])] },
  }
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config))
  const kinds = objectsIn(join(program, 'kinds.yaml'))
  await makeKinds(plane, kinds, '/apis/kueue.x-k8s.io/v1beta2/workloads')
  const start = (): Daemon =>
    startDaemon(
      join(folder, 'kueue.log'),
      [
        'unshare',
        '--mount',
        'sh',
        '-c',
        withCertificates,
        webhook.certDir,
        join(program, 'kueue'),
        `--config=${join(folder, 'config.yaml')}`,
        '--feature-gates=VisibilityOnDemand=false',
      ],
      { KUBECONFIG: plane.kubeconfig },
    )
  let daemon = start()
  const isReady = async (): Promise<boolean> => {
    // It ends where the server does not tell of its kinds yet; in a cluster it is started again.
    if (daemon.process.exitCode !== null) daemon = start()
    return (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).ok
  }
  try {
    await until('Kueue', isReady, [daemon], 120_000)
  } catch (thrown) {
    await daemon.stop()
    throw thrown
  }
  const webhooks = objectsIn(join(program, 'webhooks.yaml')) as WebhookObject[]
  const isUsed = (resources: readonly string[]): boolean =>
    resources.some(
      (one) => one.endsWith('queues') || ['workloads', 'resourceflavors'].includes(one),
    )
  await makeWebhooks(
    plane,
    'kueue',
    webhooks,
    webhook,
    (one) => {
      const resources = resourcesOf(one)
      if (resources.some((resource) => admitted.includes(resource)))
        return resources.includes('leaderworkersets') && !hasGroups ? null : notOfTheSystem
      return isUsed(resources) ? {} : null
    },
    daemon,
  )
  return daemon
}

/** It wants certificates for its metrics, which nobody reads here, in one place alone: in its own view of `/etc`. */
const withCertificates =
  'mount -t tmpfs none /etc && mkdir -p /etc/kueue/metrics && ln -s "$0" /etc/kueue/metrics/certs && exec "$@"'

/** As its own installation has it. */
const notOfTheSystem = {
  namespaceSelector: {
    matchExpressions: [
      { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system'] },
    ],
  },
}

/** A queue of that name in the namespace, which admits so many GPUs at once. */
export async function makeQueue(
  plane: ControlPlane,
  namespace: string,
  name: string,
  gpus: number,
): Promise<void> {
  const apiVersion = 'kueue.x-k8s.io/v1beta2'
  const root = `/apis/${apiVersion}`
  const quotas = { cpu: '1000', memory: '1000Gi', 'nvidia.com/gpu': String(gpus) }
  await plane.call('POST', `${root}/resourceflavors`, {
    apiVersion,
    kind: 'ResourceFlavor',
    metadata: { name: 'any' },
  })
  await plane.call('POST', `${root}/clusterqueues`, {
    apiVersion,
    kind: 'ClusterQueue',
    metadata: { name },
    spec: {
      namespaceSelector: {},
      resourceGroups: [
        {
          coveredResources: Object.keys(quotas),
          flavors: [
            {
              name: 'any',
              resources: Object.entries(quotas).map(([resource, nominalQuota]) => ({
                name: resource,
                nominalQuota,
              })),
            },
          ],
        },
      ],
    },
  })
  await plane.call('POST', `${root}/namespaces/${namespace}/localqueues`, {
    apiVersion,
    kind: 'LocalQueue',
    metadata: { name, namespace },
    spec: { clusterQueue: name },
  })
}

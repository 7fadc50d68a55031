import { execFileSync } from 'node:child_process'
import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ControlPlane } from './control-plane.ts'
import {
  makeKinds,
  makeWebhooks,
  objectsIn,
  resourcesOf,
  webhookPlace,
  type Webhook,
  type WebhookObject,
} from './controller.ts'
import { cached, freePort, has, startDaemon, until, type Daemon } from './tools.ts'

/** The controller of LeaderWorkerSets, with its kind and its webhooks. */

/** A checkout of it: the Go proxy did not serve the module (403) on 2026-11-27. */
const source = process.env['BALEEN_INTEGRATION_LWS']
const buildMs = 3_600_000

/** A folder with the program and its objects; or why this machine can't have them. */
export function lwsProgram(): { path: string } | { missing: string } {
  if (source === undefined)
    return { missing: 'BALEEN_INTEGRATION_LWS names no checkout of the controller of groups' }
  if (!has('go')) return { missing: 'go is not there, which builds the controller of groups' }
  try {
    const from = readFileSync(join(source, 'go.sum'), 'utf8')
    return { path: cached('lws', `2 ${from}`, (path) => build(source, path)) }
  } catch (thrown) {
    return { missing: (thrown as Error).message }
  }
}

function build(checkout: string, path: string): void {
  mkdirSync(path)
  const argv = ['build', '-trimpath', '-ldflags', '-s -w', '-o', join(path, 'manager'), './cmd']
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod -buildvcs=false' }
  execFileSync('go', argv, { cwd: checkout, env, stdio: 'pipe', timeout: buildMs })
  const kinds = globSync('config/crd/bases/*.yaml', { cwd: checkout })
  writeFileSync(
    join(path, 'kinds.yaml'),
    kinds.map((kind) => readFileSync(join(checkout, kind), 'utf8')).join('\n'),
  )
  copyFileSync(join(checkout, 'config/webhook/manifests.yaml'), join(path, 'webhooks.yaml'))
}

export async function startLws(
  plane: ControlPlane,
  folder: string,
  program: string,
): Promise<Daemon> {
  const webhook = await webhookPlace(plane, folder)
  const healthPort = await freePort()
  const config = {
    apiVersion: 'config.lws.x-k8s.io/v1alpha1',
    kind: 'Configuration',
    webhook,
    health: { healthProbeBindAddress: `127.0.0.1:${healthPort}` },
    metrics: { bindAddress: '0' },
    leaderElection: { leaderElect: false },
    internalCertManagement: { enable: false },
  }
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config))
  const kinds = objectsIn(join(program, 'kinds.yaml'))
  await makeKinds(plane, kinds, '/apis/leaderworkerset.x-k8s.io/v1/leaderworkersets')
  const daemon = startDaemon(
    join(folder, 'lws.log'),
    [join(program, 'manager'), `--config=${join(folder, 'config.yaml')}`, '--leader-elect=false'],
    { KUBECONFIG: plane.kubeconfig },
  )
  await until(
    'the controller of groups',
    async () => (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).ok,
    [daemon],
  )
  const webhooks = objectsIn(join(program, 'webhooks.yaml')) as WebhookObject[]
  await makeWebhooks(
    plane,
    'lws',
    webhooks,
    webhook,
    (one) => (isOfPods(one) ? ofGroups : {}),
    daemon,
  )
  return daemon
}

const isOfPods = (webhook: Webhook): boolean => resourcesOf(webhook).includes('pods')

/** As its own manifests have it: other pods are none of its business. */
const ofGroups = {
  objectSelector: {
    matchExpressions: [{ key: 'leaderworkerset.sigs.k8s.io/name', operator: 'Exists' }],
  },
}

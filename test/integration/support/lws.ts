import { execFileSync } from 'node:child_process'
import { copyFileSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { ControlPlane } from './control-plane.ts'
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

interface WebhookObject {
  readonly kind: string
  readonly metadata: object
  readonly webhooks: readonly {
    readonly clientConfig: { readonly service: { readonly path: string } }
    readonly rules: readonly { readonly resources: readonly string[] }[]
  }[]
}

export async function startLws(
  plane: ControlPlane,
  folder: string,
  program: string,
): Promise<Daemon> {
  const host = new URL(plane.url).hostname
  const [port, healthPort] = await Promise.all([freePort(), freePort()])
  const certDir = join(folder, 'certs')
  mkdirSync(certDir, { recursive: true })
  // The API server's own, which is good for this machine.
  writeFileSync(join(certDir, 'tls.crt'), plane.certificate.cert)
  writeFileSync(join(certDir, 'tls.key'), plane.certificate.key)
  const config = {
    apiVersion: 'config.lws.x-k8s.io/v1alpha1',
    kind: 'Configuration',
    webhook: { host, port, certDir },
    health: { healthProbeBindAddress: `127.0.0.1:${healthPort}` },
    metrics: { bindAddress: '0' },
    leaderElection: { leaderElect: false },
    internalCertManagement: { enable: false },
  }
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config))
  const objectsOf = (name: string): object[] =>
    parseAllDocuments(readFileSync(join(program, name), 'utf8')).flatMap(
      (document) => (document.toJS() as object | null) ?? [],
    )
  for (const kind of objectsOf('kinds.yaml'))
    await plane.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', kind)
  await until('the kind', async () =>
    Boolean(await plane.call('GET', '/apis/leaderworkerset.x-k8s.io/v1/leaderworkersets')),
  )
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
  await until('its webhooks', () => isOpen(host, port), [daemon])
  const caBundle = Buffer.from(plane.certificate.cert).toString('base64')
  for (const object of objectsOf('webhooks.yaml') as WebhookObject[]) {
    const webhooks = object.webhooks.map((one) => ({
      ...one,
      clientConfig: {
        url: `https://${host}:${port}${one.clientConfig.service.path}`,
        caBundle,
      },
      // As its own manifests have it: other pods are none of its business.
      ...(one.rules.some(({ resources }) => resources.includes('pods'))
        ? {
            objectSelector: {
              matchExpressions: [{ key: 'leaderworkerset.sigs.k8s.io/name', operator: 'Exists' }],
            },
          }
        : {}),
    }))
    await plane.call(
      'POST',
      `/apis/admissionregistration.k8s.io/v1/${object.kind.toLowerCase()}s`,
      { ...object, webhooks },
    )
  }
  return daemon
}

const isOpen = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

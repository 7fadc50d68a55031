import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, fetch } from 'undici'
import { cached, freePort, has, need, startDaemon, textOf, until, type Daemon } from './tools.ts'

/** A real API server with etcd, scheduler and controllers; only kubelets are missing. */
export interface ControlPlane {
  readonly url: string
  readonly kubeconfig: string
  readonly token: string
  kubeconfigFor(token: string): string
  /** What an account has asked for so far. */
  calls(user: string): readonly AuditedCall[]
  /** Its certificate, for other servers of the test. */
  readonly certificate: { readonly key: string; readonly cert: string }
  /** A call past Baleen. */
  readonly call: Call
  /** The same by another account. */
  callAs(token: string): Call
  /** Ends the API server; the rest goes on. */
  stopServer(): Promise<void>
  startServer(): Promise<void>
  stop(): Promise<void>
}

/** Throws what the server says where it refuses: `GET /path: 403 …`. */
export type Call = (
  method: string,
  path: string,
  body?: unknown,
  contentType?: string,
) => Promise<unknown>

export interface AuditedCall {
  readonly verb: string
  /** Null: about no object, such as which kinds there are. */
  readonly object: {
    readonly group: string
    /** `pods/log` */
    readonly resource: string
    readonly namespace: string | null
    readonly name: string | null
  } | null
  readonly status: number
}

const source = join(import.meta.dirname, '..', 'control-plane')
const token = 'test-token'
const buildMs = 3_600_000

/** Null with the reason where this machine can't have one. */
export function controlPlaneProgram(): { path: string } | { missing: string } {
  if (!need('etcd', 'etcd-server')) return { missing: 'etcd is not there and can not be installed' }
  if (process.platform !== 'linux') return { missing: 'the control plane runs on Linux only' }
  try {
    return { path: cached('control-plane', textOf(source), build) }
  } catch (thrown) {
    return { missing: (thrown as Error).message }
  }
}

function build(path: string): void {
  if (!has('go')) throw new Error('go is not there, which builds the control plane')
  if (process.env['BALEEN_INTEGRATION_BUILD'] === 'off')
    throw new Error('the control plane is not built here (BALEEN_INTEGRATION_BUILD=off)')
  const argv = ['build', '-trimpath', '-ldflags', '-s -w', '-o', path, '.']
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' }
  execFileSync('go', argv, { cwd: source, env, stdio: 'pipe', timeout: buildMs })
}

/** `address`: of this machine, where nodes reach it. */
export async function startControlPlane(
  program: string,
  address = '127.0.0.1',
): Promise<ControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'baleen-cluster-'))
  const at = (name: string): string => join(folder, name)
  const [etcdPort, peerPort, port] = await Promise.all([freePort(), freePort(), freePort()])
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const peerUrl = `http://127.0.0.1:${peerPort}`
  const url = `https://${address}:${port}`
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(at('sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }))
  writeFileSync(at('tokens.csv'), `${token},admin,1,"system:masters"\n`)
  writeFileSync(at('kubeconfig'), kubeconfigOf(url, token))
  writeFileSync(at('audit.yaml'), auditPolicy)
  const daemons: Daemon[] = []
  const run = (name: string, argv: readonly string[]): void =>
    void daemons.push(startDaemon(at(`${name}.log`), argv))
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
  const callAs =
    (by: string): Call =>
    async (method, path, body, contentType = 'application/json') => {
      const response = await fetch(url + path, {
        method,
        dispatcher,
        headers: {
          authorization: `Bearer ${by}`,
          ...(body === undefined ? {} : { 'content-type': contentType }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      if (!response.ok)
        throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`)
      return text.startsWith('{') ? (JSON.parse(text) as unknown) : text
    }
  const call = callAs(token)

  run('etcd', [
    'etcd',
    '--data-dir',
    at('etcd'),
    '--unsafe-no-fsync',
    '--listen-client-urls',
    etcdUrl,
    '--advertise-client-urls',
    etcdUrl,
    '--listen-peer-urls',
    peerUrl,
    '--initial-advertise-peer-urls',
    peerUrl,
    '--initial-cluster',
    `default=${peerUrl}`,
  ])
  const serverArgv = [
    program,
    'apiserver',
    `--etcd-servers=${etcdUrl}`,
    `--secure-port=${port}`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    `--cert-dir=${at('certs')}`,
    `--service-account-key-file=${at('sa.key')}`,
    `--service-account-signing-key-file=${at('sa.key')}`,
    '--service-account-issuer=https://localhost',
    `--token-auth-file=${at('tokens.csv')}`,
    '--authorization-mode=RBAC',
    `--audit-policy-file=${at('audit.yaml')}`,
    `--audit-log-path=${at('audit.log')}`,
    '--service-cluster-ip-range=10.77.0.0/24',
    // Built of modules it is of no version, in words that others can't read.
    '--version=v0.0.0-test',
    // The stand-in for kubelets answers with the server's own certificate.
    '--kubelet-preferred-address-types=InternalIP',
  ]
  let server: Daemon
  const startServer = async (): Promise<void> => {
    server = startDaemon(at('apiserver.log'), serverArgv)
    await until('a ready API server', async () => (await call('GET', '/readyz')) === 'ok', [server])
  }
  await startServer()
  run('controller-manager', [
    program,
    'controller-manager',
    `--kubeconfig=${at('kubeconfig')}`,
    '--leader-elect=false',
    '--secure-port=0',
    `--service-account-private-key-file=${at('sa.key')}`,
    `--root-ca-file=${at('certs/apiserver.crt')}`,
    '--node-monitor-period=500ms',
    '--node-monitor-grace-period=4s',
  ])
  run('scheduler', [
    program,
    'scheduler',
    `--kubeconfig=${at('kubeconfig')}`,
    '--leader-elect=false',
    '--secure-port=0',
  ])
  const account = '/api/v1/namespaces/default/serviceaccounts/default'
  await until('controllers', async () => Boolean(await call('GET', account)), daemons)

  return {
    url,
    kubeconfig: at('kubeconfig'),
    token,
    kubeconfigFor: (one) => kubeconfigOf(url, one),
    calls: (user) => callsIn(readFileSync(at('audit.log'), 'utf8'), user),
    certificate: {
      key: readFileSync(at('certs/apiserver.key'), 'utf8'),
      cert: readFileSync(at('certs/apiserver.crt'), 'utf8'),
    },
    call,
    callAs,
    stopServer: () => server.kill(),
    startServer,
    async stop() {
      for (const daemon of daemons.slice(1).toReversed()) await daemon.stop()
      await server.stop()
      await daemons[0]?.stop()
      await dispatcher.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const auditPolicy = JSON.stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }],
})

function callsIn(log: string, user: string): readonly AuditedCall[] {
  const events = log
    .split('\n')
    .filter((line) => line.includes(`"${user}"`))
    .map((line) => JSON.parse(line) as AuditEvent)
  return events.map(({ verb, objectRef, responseStatus }) => ({
    verb,
    object: objectRef?.resource
      ? {
          group: objectRef.apiGroup ?? '',
          resource: [objectRef.resource, objectRef.subresource].filter(Boolean).join('/'),
          namespace: objectRef.namespace ?? null,
          name: objectRef.name ?? null,
        }
      : null,
    status: responseStatus?.code ?? 0,
  }))
}

interface AuditEvent {
  readonly verb: string
  readonly objectRef?: {
    readonly apiGroup?: string
    readonly resource?: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code?: number }
}

const kubeconfigOf = (server: string, token: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  })

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { ControlPlane } from './control-plane.ts'
import { freePort, until, type Daemon } from './tools.ts'

/** What the controllers of others need beside their program: kinds, certificates, webhooks. */

export interface WebhookObject {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly webhooks: readonly Webhook[]
}

export interface Webhook {
  readonly clientConfig: { readonly service: { readonly path: string } }
  readonly rules: readonly { readonly resources: readonly string[] }[]
}

export const objectsIn = (path: string): object[] =>
  parseAllDocuments(readFileSync(path, 'utf8')).flatMap(
    (document) => (document.toJS() as object | null) ?? [],
  )

/** Makes the kinds, and waits until the server knows the one at `collection`. */
export async function makeKinds(
  plane: ControlPlane,
  kinds: readonly object[],
  collection: string,
): Promise<void> {
  for (const kind of kinds)
    await plane.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', kind)
  await until('the kind', async () => Boolean(await plane.call('GET', collection)))
}

/** Where its webhooks listen, with the API server's own certificate, which is good for this machine. */
export async function webhookPlace(plane: ControlPlane, folder: string) {
  const certDir = join(folder, 'certs')
  mkdirSync(certDir, { recursive: true })
  writeFileSync(join(certDir, 'tls.crt'), plane.certificate.cert)
  writeFileSync(join(certDir, 'tls.key'), plane.certificate.key)
  return { host: new URL(plane.url).hostname, port: await freePort(), certDir }
}

/** `owner`: all of them call theirs the same. `change`: what its own installation adds to a webhook; null leaves it out. */
export async function makeWebhooks(
  plane: ControlPlane,
  owner: string,
  objects: readonly WebhookObject[],
  { host, port }: { readonly host: string; readonly port: number },
  change: (webhook: Webhook) => object | null,
  daemon: Daemon,
): Promise<void> {
  await until('its webhooks', () => isOpen(host, port), [daemon])
  const caBundle = Buffer.from(plane.certificate.cert).toString('base64')
  for (const object of objects) {
    const webhooks = object.webhooks.flatMap((one) => {
      const more = change(one)
      const url = `https://${host}:${port}${one.clientConfig.service.path}`
      return more ? [{ ...one, clientConfig: { url, caBundle }, ...more }] : []
    })
    await plane.call(
      'POST',
      `/apis/admissionregistration.k8s.io/v1/${object.kind.toLowerCase()}s`,
      { ...object, metadata: { name: `${owner}-${object.metadata.name}` }, webhooks },
    )
  }
}

export const resourcesOf = ({ rules }: Webhook): readonly string[] =>
  rules.flatMap(({ resources }) => resources)

const isOpen = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { ControlPlane } from './control-plane.ts'
import { until } from './tools.ts'

/** The account that Baleen has in a cluster, with exactly the rights of `deploy/kubernetes`. */
export interface Account {
  /** As the API server calls it. */
  readonly user: string
  readonly token: string
  readonly kubeconfig: string
}

export interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

interface AccessObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly rules?: readonly Rule[]
  readonly subjects?: readonly object[]
}

const deploy = join(import.meta.dirname, '../../../deploy/kubernetes')
const isOfCluster = (kind: string): boolean => kind.startsWith('Cluster')

export const accessOf = (overlay: 'base' | 'faults'): readonly AccessObject[] =>
  parseAllDocuments(readFileSync(join(deploy, overlay, 'access.yaml'), 'utf8')).map(
    (document) => document.toJS() as AccessObject,
  )

/** Each right as one word: `pods/log get`, `apps/deployments list`; those for the whole cluster with `*` before. */
export const rightsOf = (objects: readonly AccessObject[]): readonly string[] =>
  objects.flatMap(({ kind, rules = [] }) =>
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map(
            (verb) =>
              `${isOfCluster(kind) ? '* ' : ''}${group === '' ? '' : `${group}/`}${resource} ${verb}`,
          ),
        ),
      ),
    ),
  )

/** Makes the namespace and what gives Baleen its rights there. */
export async function makeAccount(
  plane: ControlPlane,
  namespace: string,
  ...overlays: readonly 'faults'[]
): Promise<Account> {
  await makeNamespace(plane, namespace)
  const name = 'baleen'
  for (const object of [...accessOf('base'), ...overlays.flatMap(accessOf)])
    await plane.call('POST', ...placed(object, namespace))
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`
  const { status } = (await plane.call('POST', `${path}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 7200 },
  })) as { status: { token: string } }
  const kubeconfig = `${plane.kubeconfig}-${namespace}`
  writeFileSync(kubeconfig, plane.kubeconfigFor(status.token))
  return { user: `system:serviceaccount:${namespace}:${name}`, token: status.token, kubeconfig }
}

export async function makeNamespace(plane: ControlPlane, namespace: string): Promise<void> {
  await plane.call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  })
  const account = `/api/v1/namespaces/${namespace}/serviceaccounts/default`
  await until('an account', async () => Boolean(await plane.call('GET', account)))
}

/** As an overlay with another namespace would have it: what is of the whole cluster has a name of its own. */
function placed(object: AccessObject, namespace: string): [path: string, body: object] {
  const { apiVersion, kind, metadata, subjects } = object
  const forAll = isOfCluster(kind)
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const name = forAll ? `${metadata.name}-${namespace}` : metadata.name
  const body = {
    ...object,
    metadata: { ...metadata, name, ...(forAll ? {} : { namespace }) },
    ...(subjects ? { subjects: subjects.map((one) => ({ ...one, namespace })) } : {}),
    ...('roleRef' in object && forAll ? { roleRef: { ...(object.roleRef as object), name } } : {}),
  }
  const within = forAll ? '' : `/namespaces/${namespace}`
  return [`${root}${within}/${kind.toLowerCase()}s`, body]
}

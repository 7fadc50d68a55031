import {
  ApiException,
  CoreV1Api,
  KubeConfig,
  NetworkingV1Api,
  PatchStrategy,
  setHeaderOptions,
} from '@kubernetes/client-node'
import type { PodChoice } from '../../contract/fault.ts'
import type { MadeFault } from './process-fault.ts'
import type { Undo } from './undo.ts'

type PolicyUndo = Extract<Undo, { kind: 'policy' }>

/** The policy finds its pod by it, and only that one. */
const cutLabel = 'baleen.dev/cut'
const timeoutMs = 10_000

export async function killPod(choice: PodChoice): Promise<MadeFault> {
  const { core } = connect(choice)
  const name = await findPod(core, choice)
  await within(
    core.deleteNamespacedPod({ name, namespace: choice.namespace, gracePeriodSeconds: 0 }),
  )
  return { end: () => `${name} ended for good: whoever made it has to make another` }
}

/** `note` is called before anything is changed. */
export async function cutPod(choice: PodChoice, note: (undo: Undo) => void): Promise<MadeFault> {
  const { kubeconfig, context, namespace } = choice
  const { core, networking } = connect(choice)
  const pod = await findPod(core, choice)
  const policy = `baleen-cut-${crypto.randomUUID().slice(0, 8)}`
  const undo: PolicyUndo = { kind: 'policy', kubeconfig, context, namespace, policy, pod }
  note(undo)
  await label(core, undo, policy)
  await within(
    networking.createNamespacedNetworkPolicy({
      namespace,
      body: {
        metadata: { name: policy, labels: { 'app.kubernetes.io/managed-by': 'baleen-inject' } },
        spec: {
          podSelector: { matchLabels: { [cutLabel]: policy } },
          // Named and without a rule: nothing is let through.
          policyTypes: ['Ingress', 'Egress'],
        },
      },
    }),
  )
  return { end: () => mendPolicy(undo) }
}

/** Mends a cut pod, also one whose policy was never made. */
export async function mendPolicy(undo: PolicyUndo): Promise<string> {
  const { core, networking } = connect(undo)
  const { namespace, policy, pod } = undo
  await unlessGone(within(networking.deleteNamespacedNetworkPolicy({ name: policy, namespace })))
  return (await unlessGone(label(core, undo, null))) ? '' : `${pod} was ended meanwhile`
}

function connect({ kubeconfig, context }: Pick<PodChoice, 'kubeconfig' | 'context'>) {
  const config = new KubeConfig()
  if (kubeconfig === null) config.loadFromDefault()
  else config.loadFromFile(kubeconfig)
  if (context !== null) config.setCurrentContext(context)
  return {
    core: config.makeApiClient(CoreV1Api),
    networking: config.makeApiClient(NetworkingV1Api),
  }
}

/** One that runs and is not on its way out. */
async function findPod(core: CoreV1Api, { namespace, pod, selector }: PodChoice): Promise<string> {
  if (pod !== undefined) return pod
  const { items } = await within(
    core.listNamespacedPod({
      namespace,
      labelSelector: selector!,
      fieldSelector: 'status.phase=Running',
    }),
  )
  const name = items.find(({ metadata }) => !metadata?.deletionTimestamp)?.metadata?.name
  if (name === undefined) throw new Error(`no pod of ${namespace} runs that has ${selector}`)
  return name
}

/** Null takes the label off. */
const label = (core: CoreV1Api, { namespace, pod }: PolicyUndo, value: string | null) =>
  within(
    core.patchNamespacedPod(
      { name: pod, namespace, body: { metadata: { labels: { [cutLabel]: value } } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    ),
  )

/** False: what it was about is not there. */
async function unlessGone(call: Promise<unknown>): Promise<boolean> {
  try {
    await call
    return true
  } catch (thrown) {
    if (thrown instanceof Refusal && thrown.status === 404) return false
    throw thrown
  }
}

/** What the cluster says, without the wire form around it. */
class Refusal extends Error {
  readonly status: number
  constructor({ code, body }: ApiException<unknown>) {
    super(`the cluster refuses (${code}): ${messageIn(body)}`)
    this.status = code
  }
}

function messageIn(body: unknown): string {
  try {
    const { message } = (typeof body === 'string' ? JSON.parse(body) : body) as { message?: string }
    return message ?? 'no reason given'
  } catch {
    return String(body).slice(0, 200)
  }
}

/** Error: the server's own words, in time. */
async function within<T>(call: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new Error(`the cluster did not answer within ${timeoutMs / 1000} s`)),
    timeoutMs,
  )
  try {
    return await Promise.race([call, late.promise])
  } catch (thrown) {
    throw thrown instanceof ApiException ? new Refusal(thrown) : thrown
  } finally {
    clearTimeout(timer)
  }
}

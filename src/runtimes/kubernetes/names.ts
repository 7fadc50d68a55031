import { createHash } from 'node:crypto'

/** Labels by which Baleen finds its own, and others select it. */
export const labelKeys = {
  managedBy: 'app.kubernetes.io/managed-by',
  name: 'app.kubernetes.io/name',
  component: 'app.kubernetes.io/component',
  owner: 'baleen.dev/owner',
  deployment: 'baleen.dev/deployment',
  replica: 'baleen.dev/replica',
  engine: 'llm-d.ai/engine-type',
  queue: 'kueue.x-k8s.io/queue-name',
} as const

/** What the labels can't hold: JSON of a `CarriedIdentity`. */
export const identityAnnotation = 'baleen.dev/identity'
/** Changes with the files that a template mounts, so that pods do. */
export const filesAnnotation = 'baleen.dev/files'

export const fieldManager = 'baleen'
export const containerName = 'engine'
export const portName = 'http'

/** Names of Services are at most 63 long, and pods add up to 17 to that of their Deployment. */
const nameMax = 45

/**
 * Of everything that belongs to a replica or deployment. With a prefix, because a Service named like an engine sets
 * variables that the engine takes for its own (`VLLM_PORT`).
 */
export function objectName(id: string): string {
  const name = `baleen-${id}`
  return name.length <= nameMax ? name : `${name.slice(0, nameMax - 9)}-${hashOf(name)}`
}

/** A group makes a Service of its own name, by which its pods find each other. */
export const serviceName = (name: string, isGroup: boolean): string =>
  isGroup ? `${name}-leader` : name

export const hashOf = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 8)

/** Kueue admits what carries it. */
export const queueLabel = ({
  queue,
}: {
  readonly queue?: string | undefined
}): Readonly<Record<string, string>> => (queue === undefined ? {} : { [labelKeys.queue]: queue })

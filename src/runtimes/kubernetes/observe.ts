import type { StartFailure } from '../../engines/engine.ts'
import { exitStatus, type ExitStatus } from '../exit-status.ts'
import { imageFailure, saysWhy } from '../image-failure.ts'
import type { ContainerStatus, Pod, QueuedObject, Termination, WorkloadObject } from './objects.ts'
import { containerName } from './names.ts'

/** What the cluster says of one replica, from its workload and its pods. */
export interface Observation {
  /** Without the runtime's name. Null: not placed. */
  readonly node: string | null
  readonly waiting: string | null
  /** How often its engine was started anew, by any of its pods. */
  readonly restarts: number
  /** Its engine does not run and has ended. */
  readonly end: Ending | null
  /** The pod that serves, or is to. */
  readonly pod: Pod | null
  /** The pod whose engine has ended, or ended last: in a group it may be one beside that. */
  readonly endedPod: Pod | null
}

export interface Ending extends ExitStatus {
  /** What the cluster adds: `OOMKilled`, `Evicted: the node was low on memory`. Empty: nothing. */
  readonly reason: string
  /** The last lines of the log, as far as the cluster kept them with the pod. */
  readonly lastWords: string
  /** Why it could not even start. Absent: it did. */
  readonly failure?: StartFailure
}

/** Pure: the same objects give the same answer. `queued`: what Kueue has of this namespace. */
export function observe(
  workload: WorkloadObject,
  pods: readonly Pod[],
  queued: Iterable<QueuedObject> = [],
): Observation {
  const pod = leaderOf(pods)
  if (!pod) {
    const waiting = failureOf(workload) ?? 'the cluster has not made its pod yet'
    return { node: null, waiting, restarts: 0, end: null, pod: null, endedPod: null }
  }
  const members = [pod, ...workersOf(pods)]
  const queueSays = (one: Pod): string =>
    reasonIn(queued, [one.metadata.uid, workload.metadata.uid])
  const ends = members.map((one) => {
    const end = endOf(one, engineOf(one))
    return end && endOfMember(one, end)
  })
  const ended = ends.findIndex((end) => end !== null)
  return {
    node: pod.spec.nodeName ?? null,
    waiting: members.map((one) => waitingOf(one, engineOf(one), queueSays)).find(Boolean) ?? null,
    restarts: members.reduce((sum, one) => sum + (engineOf(one)?.restartCount ?? 0), 0),
    end: ends[ended] ?? null,
    pod,
    endedPod:
      members[ended] ?? members.find((one) => (engineOf(one)?.restartCount ?? 0) > 0) ?? pod,
  }
}

/** Its place in a group; the leader's is 0, and that of a pod that is no part of one. */
const placeOf = ({ metadata }: Pod): number =>
  Number(metadata.labels?.['leaderworkerset.sigs.k8s.io/worker-index'] ?? 0)

const workersOf = (pods: readonly Pod[]): readonly Pod[] =>
  pods
    .filter((pod) => placeOf(pod) > 0 && pod.metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => placeOf(a) - placeOf(b))

/** The youngest that is not being deleted; else the youngest. */
function leaderOf(pods: readonly Pod[]): Pod | null {
  const ranked = pods
    .filter((pod) => placeOf(pod) === 0)
    .toSorted(
      (a, b) =>
        Number(a.metadata.deletionTimestamp !== undefined) -
          Number(b.metadata.deletionTimestamp !== undefined) ||
        b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp),
    )
  return ranked[0] ?? null
}

const engineOf = (pod: Pod): ContainerStatus | undefined =>
  pod.status?.containerStatuses?.find((one) => one.name === containerName)

/** Why no pod could be made, such as a quota that is used up. */
function failureOf({ status }: WorkloadObject): string | null {
  const failed = status?.conditions?.find(
    (one) => one.type === 'ReplicaFailure' && one.status === 'True',
  )
  return failed?.message ?? null
}

/** What Kueue says of who belongs to one of these. A pod is told by itself, those of a group by the group. */
function reasonIn(queued: Iterable<QueuedObject>, owners: readonly string[]): string {
  for (const { metadata, status } of queued) {
    if (!metadata.ownerReferences?.some(({ uid }) => owners.includes(uid))) continue
    const held = status?.conditions?.find(
      ({ type, status: is }) => (type === 'QuotaReserved' || type === 'Admitted') && is === 'False',
    )
    if (held?.message) return held.message
  }
  return 'Kueue has not admitted it yet'
}

/** A group has not started before all of its pods have. */
function waitingOf(
  pod: Pod,
  status: ContainerStatus | undefined,
  queueSays: (pod: Pod) => string,
): string | null {
  const waiting = whyWaiting(pod, status, queueSays)
  return waiting === null || placeOf(pod) === 0 ? waiting : `worker ${placeOf(pod)}: ${waiting}`
}

function whyWaiting(
  pod: Pod,
  status: ContainerStatus | undefined,
  queueSays: (pod: Pod) => string,
): string | null {
  const [gate] = pod.spec.schedulingGates ?? []
  if (gate)
    return gate.name.startsWith('kueue.x-k8s.io/')
      ? `queued: ${queueSays(pod)}`
      : `held back by the scheduling gate ${gate.name}`
  if (pod.spec.nodeName === undefined) {
    const scheduled = pod.status?.conditions?.find((one) => one.type === 'PodScheduled')
    return scheduled?.status === 'False'
      ? `does not fit: ${scheduled.message ?? scheduled.reason ?? 'no node takes it'}`
      : 'waits for a node'
  }
  if (status?.state?.running) return null
  const waiting = status?.state?.waiting
  if (waiting) {
    const { reason = '', message } = waiting
    const said = waits[reason] ?? reason
    return message === undefined || message === '' ? said : `${said}: ${message}`
  }
  return status?.state?.terminated ? 'has ended' : 'the node prepares it'
}

const waits: Readonly<Record<string, string>> = {
  ContainerCreating: 'pulls its image or mounts its volumes',
  PodInitializing: 'the node prepares it',
  ErrImagePull: 'its image can’t be pulled',
  ImagePullBackOff: 'its image can’t be pulled',
  InvalidImageName: 'its image has no valid name',
  CreateContainerConfigError: 'what it is configured with is missing',
  CreateContainerError: 'its container can’t be made',
  RunContainerError: 'its container can’t be run',
  CrashLoopBackOff: 'ended again and again',
}

function endOf(pod: Pod, status: ContainerStatus | undefined): Ending | null {
  const terminated =
    status?.state?.terminated ?? (status?.state?.waiting ? status.lastState?.terminated : undefined)
  if (terminated) return ending(terminated)
  const unpulled = imageEnd(pod, status)
  if (unpulled) return unpulled
  if (pod.status?.phase !== 'Failed') return null
  // The pod was ended as a whole: evicted, or refused by the device plugin.
  const { reason = 'Failed', message } = pod.status
  return {
    exitCode: null,
    signal: null,
    reason: message === undefined ? reason : `${reason}: ${message}`,
    lastWords: '',
  }
}

/** The cluster would try again for ever: who waits for it learns why, and another image may be the cure. */
function imageEnd(pod: Pod, status: ContainerStatus | undefined): Ending | null {
  const { reason = '', message = '' } = status?.state?.waiting ?? {}
  const isNamed = ['ErrImagePull', 'InvalidImageName', 'ErrImageNeverPull'].includes(reason)
  // "Back-off pulling image": older clusters name the cause only at the moment of a try.
  if (!isNamed && !(reason === 'ImagePullBackOff' && saysWhy(message))) return null
  const image = pod.spec.containers.find((one) => one.name === containerName)?.image ?? 'its image'
  const { code, message: text, hint } = imageFailure(image, `${reason}: ${message}`)
  const failure = { code, message: text, mend: hint }
  return { exitCode: null, signal: null, reason: '', lastWords: text, failure }
}

/** In a group it is also said which of its pods it was. */
export function endOfMember(pod: Pod, end: Ending): Ending {
  const place = placeOf(pod)
  if (place === 0) return end
  return {
    ...end,
    reason: end.reason === '' ? `worker ${place} ended` : `worker ${place}: ${end.reason}`,
  }
}

export function ending({ exitCode, signal, reason = '', message = '' }: Termination): Ending {
  const isPlain = reason === 'Error' || reason === 'Completed'
  return { ...exitStatus(exitCode, signal), reason: isPlain ? '' : reason, lastWords: message }
}

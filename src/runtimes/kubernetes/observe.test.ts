import { describe, expect, it } from 'vitest'
import type { ContainerStatus, Pod, QueuedObject, WorkloadObject } from './objects.ts'
import { observe } from './observe.ts'

const metadata = (name: string, changes: object = {}) => ({
  name,
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '2026-11-26T10:00:00Z',
  ...changes,
})
const workload: WorkloadObject = { metadata: metadata('baleen-ant-1') }

interface PodChanges {
  readonly spec?: Partial<Pod['spec']>
  readonly status?: Pod['status']
  readonly metadata?: object
}
const pod = ({ spec = {}, status = {}, metadata: changes = {} }: PodChanges): Pod => ({
  metadata: metadata('pod', changes),
  spec: { containers: [], nodeName: 'gpu-1', ...spec },
  status,
})
const engine = (changes: Partial<ContainerStatus>): Pod['status'] => ({
  phase: 'Running',
  containerStatuses: [{ name: 'engine', restartCount: 0, ...changes }],
})
const unplaced = (changes: Partial<Pod['spec']> = {}) => {
  const { nodeName: _, ...spec } = pod({}).spec
  return { ...pod({}), spec: { ...spec, ...changes } }
}

describe('what a cluster says of a replica', () => {
  it('runs', () => {
    const running = pod({ status: engine({ state: { running: {} } }) })
    expect(observe(workload, [running])).toMatchObject({ node: 'gpu-1', waiting: null, end: null })
  })

  it('is queued while Kueue holds it back', () => {
    const gated = unplaced({ schedulingGates: [{ name: 'kueue.x-k8s.io/admission' }] })
    expect(observe(workload, [gated])).toMatchObject({
      node: null,
      waiting: 'queued: Kueue has not admitted it yet',
      end: null,
    })
  })

  it('says why Kueue holds it back, by itself or with its group', () => {
    const queued = (owner: string, message: string): QueuedObject => ({
      metadata: { ...metadata('queued'), ownerReferences: [{ uid: owner }] },
      status: {
        conditions: [
          { type: 'PodsReady', status: 'False', message: 'not yet' },
          { type: 'QuotaReserved', status: 'False', message },
        ],
      },
    })
    const gated = unplaced({ schedulingGates: [{ name: 'kueue.x-k8s.io/admission' }] })
    const said = (...all: readonly QueuedObject[]) => observe(workload, [gated], all).waiting
    const mine = queued(gated.metadata.uid, 'insufficient unused quota')
    expect(said(queued('other', 'no'), mine)).toBe('queued: insufficient unused quota')
    expect(said(queued(workload.metadata.uid, 'one more'))).toBe('queued: one more')
    expect(said(queued('other', 'no'))).toBe('queued: Kueue has not admitted it yet')
  })

  it('does not fit, in the words of the scheduler', () => {
    const message = '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.'
    const conditions = [{ type: 'PodScheduled', status: 'False' as const, message }]
    const seen = observe(workload, [{ ...unplaced(), status: { conditions } }])
    expect(seen.waiting).toBe(`does not fit: ${message}`)
  })

  it('has no pod, because a quota is used up', () => {
    const message = 'pods "x" is forbidden: exceeded quota'
    const conditions = [{ type: 'ReplicaFailure', status: 'True' as const, message }]
    expect(observe({ ...workload, status: { conditions } }, []).waiting).toBe(message)
    expect(observe(workload, []).waiting).toBe('the cluster has not made its pod yet')
  })

  it('waits for an image while nobody says why it can not be pulled', () => {
    const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "x:1"' }
    const seen = observe(workload, [pod({ status: engine({ state: { waiting } }) })])
    expect(seen.waiting).toBe('its image can’t be pulled: Back-off pulling image "x:1"')
    expect(seen.end).toBeNull()
  })

  it.each([
    ['ErrImagePull', 'code = NotFound desc = x:1: not found', 'runtime/image-not-found'],
    ['ImagePullBackOff', 'Back-off: ErrImagePull: unauthorized', 'runtime/image-forbidden'],
    ['InvalidImageName', '', 'runtime/image-not-found'],
    ['ErrImageNeverPull', 'not present with pull policy of Never', 'runtime/refused'],
  ])('has failed to start with %s', (reason, message, code) => {
    const containers = [{ name: 'engine', image: 'x:1' }]
    const status = engine({ state: { waiting: { reason, message } } })
    const seen = observe(workload, [pod({ spec: { containers }, status })])
    expect(seen.end?.failure).toMatchObject({ code })
    expect(seen.end?.failure?.message).toContain('x:1 can’t be pulled')
  })

  it.each([
    ['a code', { exitCode: 7, reason: 'Error' }, { exitCode: 7, signal: null, reason: '' }],
    [
      'too little memory',
      { exitCode: 137, reason: 'OOMKilled' },
      { exitCode: null, signal: 'SIGKILL', reason: 'OOMKilled' },
    ],
    ['success', { exitCode: 0, reason: 'Completed' }, { exitCode: 0, signal: null, reason: '' }],
  ])('has ended with %s', (_, terminated, end) => {
    const seen = observe(workload, [pod({ status: engine({ state: { terminated } }) })])
    expect(seen.end).toMatchObject(end)
  })

  it('has ended while the cluster waits to start it again', () => {
    const state = { waiting: { reason: 'CrashLoopBackOff' } }
    const lastState = { terminated: { exitCode: 1, message: 'CUDA out of memory' } }
    const status = engine({ restartCount: 4, state, lastState })
    const seen = observe(workload, [pod({ status })])
    expect(seen).toMatchObject({
      restarts: 4,
      end: { exitCode: 1, lastWords: 'CUDA out of memory' },
    })
  })

  it('runs again after the cluster started it anew', () => {
    const lastState = { terminated: { exitCode: 1 } }
    const status = engine({ restartCount: 1, state: { running: {} }, lastState })
    expect(observe(workload, [pod({ status })])).toMatchObject({ restarts: 1, end: null })
  })

  it('was evicted', () => {
    const status = { phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory.' }
    expect(observe(workload, [pod({ status: status as Pod['status'] })]).end).toMatchObject({
      exitCode: null,
      reason: 'Evicted: The node was low on memory.',
    })
  })

  it('is what its newest pod is, not the one that goes', () => {
    const going = pod({ metadata: { deletionTimestamp: 'now', creationTimestamp: '2027' } })
    const coming = pod({ spec: { nodeName: 'gpu-2' }, status: engine({ state: { running: {} } }) })
    expect(observe(workload, [going, coming]).node).toBe('gpu-2')
  })

  it('is what its leader is, where it spans nodes', () => {
    const index = 'leaderworkerset.sigs.k8s.io/worker-index'
    const worker = pod({ metadata: { labels: { [index]: '1' }, creationTimestamp: '2027' } })
    const leader = pod({ metadata: { labels: { [index]: '0' } }, spec: { nodeName: 'gpu-7' } })
    expect(observe(workload, [worker, leader]).node).toBe('gpu-7')
  })

  it('has not started before all of its group have, and has ended when one of them has', () => {
    const at = (place: string) => ({
      labels: { 'leaderworkerset.sigs.k8s.io/worker-index': place },
      uid: place,
    })
    const runs = engine({ state: { running: {} } })
    const leader = pod({ metadata: at('0'), status: runs })
    const message = '0/2 nodes are available'
    const conditions = [{ type: 'PodScheduled', status: 'False' as const, message }]
    const worker = { ...unplaced(), metadata: metadata('worker', at('1')), status: { conditions } }
    expect(observe(workload, [leader, worker])).toMatchObject({
      waiting: `worker 1: does not fit: ${message}`,
      end: null,
    })
    const crashed = engine({
      restartCount: 1,
      state: { running: {} },
      lastState: { terminated: { exitCode: 1 } },
    })
    const again = pod({ metadata: at('1'), status: crashed })
    expect(observe(workload, [leader, again])).toMatchObject({
      waiting: null,
      restarts: 1,
      pod: { metadata: { uid: '0' } },
      endedPod: { metadata: { uid: '1' } },
    })
    const dead = pod({
      metadata: at('1'),
      status: engine({ state: { terminated: { exitCode: 9 } } }),
    })
    expect(observe(workload, [leader, dead]).end).toMatchObject({
      exitCode: 9,
      reason: 'worker 1 ended',
    })
    const going = pod({ metadata: { ...at('1'), deletionTimestamp: 'now' } })
    expect(observe(workload, [leader, going])).toMatchObject({ waiting: null, end: null })
  })
})

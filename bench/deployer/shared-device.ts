import { createRandom } from '../../src/core/random.ts'
import { Replica } from '../../src/simulator/cluster/replica.ts'
import { RequestTable } from '../../src/simulator/request-table.ts'
import type { PlannedEngine } from '../../src/simulator/scenario/planned-engine.ts'
import type { WorkloadRequest } from '../../src/simulator/workload.ts'

/** One engine of a model on devices that others may be on, too. */
export interface Tenant {
  readonly engine: PlannedEngine
  /** In the order of time. */
  readonly requests: readonly WorkloadRequest[]
  readonly devices: readonly string[]
  /** Its steps take so many times as long even where it is alone. */
  readonly slowness: number
}

export interface Limits {
  readonly ttftMs: number
  readonly tpotMs: number
}

export interface Played {
  /** Requests that kept both limits, by tenant. */
  readonly kept: readonly number[]
  /** Share of its blocks that a tenant's cache had in use at most. */
  readonly kvUsageMax: readonly number[]
  /** By device: time in which at least one engine was in a step. */
  readonly busyMs: ReadonlyMap<string, number>
  readonly endMs: number
}

/**
 * Plays the simulator's own replicas side by side. Those that are in a step at the same time share a device evenly, as the
 * driver's time slices do (processor sharing); one on several devices goes as fast as the slowest of them lets it.
 */
export function playTogether(tenants: readonly Tenant[], limits: Limits): Played {
  let nowMs = 0
  const busyMs = new Map<string, number>()
  const runs = tenants.map(({ engine, requests, devices, slowness }, index) => {
    const table = new RequestTable()
    const replica = new Replica(
      { index, pool: 0, id: String(index) },
      engine,
      table,
      {
        admitted: () => {},
        preempted: () => {},
        firstToken: (id) => void (table.firstTokenMs[id] = nowMs),
        finished: (id) => void (table.endMs[id] = nowMs),
      },
      createRandom(index + 1),
      0,
    )
    const overheadMs = engine.engine.requestOverheadMs
    return { requests, devices, slowness, table, replica, overheadMs, next: 0, leftMs: NaN, kv: 0 }
  })
  type Run = (typeof runs)[number]
  const comesAtMs = ({ requests, next, overheadMs }: Run): number =>
    (requests[next]?.atMs ?? Infinity) + overheadMs
  const start = (run: Run): void => {
    if (!Number.isNaN(run.leftMs) || !run.replica.startStep(nowMs)) return
    run.leftMs = (run.replica.stepEndsMs - nowMs) * run.slowness
  }

  for (;;) {
    const users = new Map<string, number>()
    const busy = runs.filter(({ leftMs }) => !Number.isNaN(leftMs))
    for (const { devices } of busy)
      for (const device of devices) users.set(device, (users.get(device) ?? 0) + 1)
    const speedOf = ({ devices }: Run): number =>
      1 / Math.max(1, ...devices.map((device) => users.get(device)!))
    const speeds = busy.map(speedOf)
    const nextMs = Math.min(
      ...runs.map(comesAtMs),
      ...busy.map(({ leftMs }, at) => nowMs + leftMs / speeds[at]!),
    )
    if (nextMs === Infinity) break
    const passedMs = nextMs - nowMs
    nowMs = nextMs
    for (const device of users.keys()) busyMs.set(device, (busyMs.get(device) ?? 0) + passedMs)
    for (const [at, run] of busy.entries()) {
      run.leftMs -= passedMs * speeds[at]!
      if (run.leftMs > 1e-9) continue
      run.leftMs = NaN
      run.replica.endStep()
      run.kv = Math.max(run.kv, run.replica.kvUsage)
      start(run)
    }
    for (const run of runs)
      while (comesAtMs(run) <= nowMs) {
        const { table, replica } = run
        const request = run.requests[run.next++]!
        const id = table.add(request)
        table.arrivalMs[id] = request.atMs
        table.goalTokens[id] = request.answerTokens
        if (replica.enqueue(id) === null) start(run)
      }
  }
  const isKept = ({ arrivalMs, firstTokenMs, endMs, answerTokens }: RequestTable, id: number) =>
    firstTokenMs[id]! - arrivalMs[id]! <= limits.ttftMs &&
    (endMs[id]! - firstTokenMs[id]!) / Math.max(1, answerTokens[id]! - 1) <= limits.tpotMs
  return {
    kept: runs.map(({ table }) => {
      let kept = 0
      for (let id = 0; id < table.count; id++) if (isKept(table, id)) kept++
      return kept
    }),
    kvUsageMax: runs.map(({ kv }) => kv),
    busyMs,
    endMs: nowMs,
  }
}

import type { LaunchPlan, Probe } from './engine.ts'

export const probeOf = (path: string, changes: Partial<Omit<Probe, 'path'>> = {}): Probe => ({
  path,
  periodMs: 5000,
  timeoutMs: 5000,
  failures: 3,
  ...changes,
})

/** A plan with everything that most engines have alike filled in. */
export function launchPlan(
  given: Pick<LaunchPlan, 'argv'> & Partial<LaunchPlan>,
  healthPath = '/health',
): LaunchPlan {
  return {
    env: {},
    secrets: {},
    files: {},
    image: null,
    url: null,
    ports: [],
    probes: {
      startup: { ...probeOf(healthPath), loadTimeoutMs: 600_000 },
      readiness: probeOf(healthPath),
      liveness: probeOf(healthPath, { periodMs: 10_000, failures: 10 }),
    },
    drain: { preStopMs: 0, signal: 'SIGTERM', graceMs: 30_000 },
    devices: oneCopy('any'),
    mounts: [],
    sharedMemoryBytes: null,
    worker: null,
    warnings: [],
    ...given,
  }
}

/** A model that is not cut up. */
export const oneCopy = (count: number | 'any'): LaunchPlan['devices'] => ({
  count,
  tensorParallel: 1,
  pipelineParallel: 1,
  dataParallel: 1,
  expertParallel: 1,
})

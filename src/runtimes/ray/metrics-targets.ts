import type { MetricsPages } from '../runtime.ts'
import type { Dashboard } from './dashboard.ts'
import type { ServeReplica } from './serve-config.ts'

export interface Targets {
  /** Pages of the nodes that these run on. */
  of(replicas: readonly ServeReplica[]): Promise<MetricsPages>
}

/** Nodes come and go seldom. */
const ageMs = 10_000

/** Each node of Ray has one page with the metrics of all that runs there; the dashboard tells where. */
export function createTargets(dashboard: Pick<Dashboard, 'metricsTargets'>): Targets {
  let asked: Promise<readonly string[]> | undefined
  let askedAtMs = -Infinity

  return {
    async of(replicas) {
      if (!asked || performance.now() - askedAtMs > ageMs) {
        askedAtMs = performance.now()
        asked = dashboard.metricsTargets()
        // Asked again the next time.
        asked.catch(() => (asked = undefined))
      }
      const hosts = new Set(replicas.map(({ node_ip: ip }) => ip))
      const there = (await asked).filter((target) => hosts.has(hostOf(target)))
      return {
        urls: there.map((target) => `http://${target}`),
        replicas: new Set(replicas.map(({ replica_id: id }) => id)),
      }
    },
  }
}

/** `10.0.0.1:8080`, `[fd00::1]:8080`. */
const hostOf = (target: string): string => target.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')

import type { InjectionDocument, InjectionHead } from '../../contract/injection-head.ts'

/** What lists show of an injection. */
export function headOf(document: InjectionDocument): InjectionHead {
  const { id, kind, startedAt } = document
  const base = { id, kind, startedAt }
  const none = {
    requestsPerSecond: null,
    attainment: null,
    ttftMsP50: null,
    ttftMsP99: null,
    tpotMsP50: null,
    outcomes: {},
  }
  switch (document.kind) {
    case 'injection-report': {
      const { spec, summary, faults } = document
      return {
        ...base,
        targets: [spec.url],
        models: spec.models.map(({ name }) => name),
        seed: spec.seed,
        requestsPerSecond: summary.requestsPerSecond,
        attainment: summary.attainment,
        ttftMsP50: summary.ttftMs.p50,
        ttftMsP99: summary.ttftMs.atLeast.includes('p99') ? null : summary.ttftMs.p99,
        tpotMsP50: summary.tpotMs.p50,
        outcomes: summary.outcomes,
        isTrustworthy: summary.validity.isTrustworthy,
        result: faults.length === 0 ? '' : `${faults.length} faults`,
      }
    }
    case 'injection-sweep': {
      const { spec, result, probes } = document
      return {
        ...base,
        ...none,
        targets: [spec.url],
        models: spec.models.map(({ name }) => name),
        seed: spec.seed,
        requestsPerSecond: result.ratePerS,
        isTrustworthy: probes.length > 0,
        result: `sweep: ${result.reason}`,
      }
    }
    case 'injection-comparison': {
      const { a, b, metrics, objections } = document
      const words = metrics.map(({ name, verdict }) => `${name} ${verdict}`)
      return {
        ...base,
        ...none,
        targets: [a.url, b.url],
        models: [...new Set([...a.models, ...b.models].map(({ name }) => name))],
        seed: a.seed,
        isTrustworthy: objections.length === 0,
        result: `B against A: ${words.join(', ')}`,
      }
    }
  }
}

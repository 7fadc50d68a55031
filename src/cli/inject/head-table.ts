import type { InjectionHead } from '../../contract/injection-head.ts'
import { formatMs, formatRate, formatShare, outcomesText } from '../../injector/report/figures.ts'

export const headTable = (heads: readonly InjectionHead[]): [string[], string[][]] => [
  [
    'run',
    'target',
    'model',
    'requests/s',
    'TTFT p50',
    'p99',
    'TPOT p50',
    'attainment',
    'trust',
    '',
  ],
  heads.map((head) => [
    head.id,
    head.targets.map((url) => URL.parse(url)?.host ?? url).join(' / '),
    head.models.join(', '),
    formatRate(head.requestsPerSecond),
    formatMs(head.ttftMsP50),
    formatMs(head.ttftMsP99),
    formatMs(head.tpotMsP50),
    formatShare(head.attainment),
    head.isTrustworthy ? 'yes' : 'no',
    [outcomesText(head.outcomes), head.result].filter(Boolean).join('; '),
  ]),
]

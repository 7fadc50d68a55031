/** A fault with what it is allowed to do to users; the check holds every failure of the report against it. */
export interface PlannedFault {
  readonly name: string
  readonly atS: number
  readonly forS: number
  /** As it stands in the plan file. */
  readonly action: Readonly<Record<string, unknown>>
  /** Outcomes that users may see of it, beside `ok`. */
  readonly mayCause: readonly string[]
}

interface Kind {
  readonly name: string
  readonly forS: number
  readonly action: (of: Processes) => Readonly<Record<string, unknown>>
  readonly mayCause: readonly string[]
}

/** By name: a fault is for whatever has the name when it begins. */
interface Processes {
  readonly engine: { readonly deployment: string }
  readonly gateway: { readonly process: string }
}

const held: readonly string[] = ['timeout_ttft', 'timeout_stall', 'timeout_total']

/** Again and again, in this order. */
const cycle: readonly Kind[] = [
  {
    name: 'stop-engine',
    forS: 5,
    action: ({ engine }) => ({ stop: engine }),
    mayCause: held,
  },
  { name: 'status-503', forS: 5, action: () => ({ status: { code: 503 } }), mayCause: ['503'] },
  {
    name: 'cut-fin',
    forS: 6,
    action: () => ({ cut: { 'after-events': 3, how: 'fin' } }),
    mayCause: ['truncated'],
  },
  { name: 'delay', forS: 6, action: () => ({ delay: { by: '300ms' } }), mayCause: [] },
  {
    name: 'garble',
    forS: 6,
    action: () => ({ garble: { 'after-events': 3 } }),
    mayCause: ['malformed'],
  },
  { name: 'stall', forS: 6, action: () => ({ stall: { 'after-events': 3 } }), mayCause: held },
  { name: 'reset', forS: 3, action: () => ({ reset: {} }), mayCause: ['reset', 'connect'] },
  { name: 'black-hole', forS: 5, action: () => ({ 'black-hole': {} }), mayCause: held },
  {
    name: 'throttle',
    forS: 6,
    action: () => ({ throttle: { 'bytes-per-second': '20KiB' } }),
    mayCause: [],
  },
  {
    name: 'cut-rst',
    forS: 6,
    action: () => ({ cut: { 'after-events': 3, how: 'rst' } }),
    mayCause: ['reset'],
  },
  {
    name: 'half-close',
    forS: 3,
    action: () => ({ 'half-close': {} }),
    mayCause: ['truncated', 'reset'],
  },
  { name: 'status-429', forS: 5, action: () => ({ status: { code: 429 } }), mayCause: ['429'] },
  {
    name: 'abandon',
    forS: 6,
    action: () => ({ abandon: { 'after-events': 3, share: '50%' } }),
    mayCause: ['cancelled_by_plan'],
  },
  { name: 'hog-cpu', forS: 5, action: () => ({ 'hog-cpu': { cores: 1 } }), mayCause: [] },
  {
    name: 'stop-gateway',
    forS: 4,
    action: ({ gateway }) => ({ stop: gateway }),
    mayCause: held,
  },
]

/** Twice each; gateways at the end, because their counters die with them. */
const killEngine: Kind = {
  name: 'kill-engine',
  forS: 1,
  action: ({ engine }) => ({ kill: engine }),
  mayCause: ['sse_error', 'http_5xx', '503', 'truncated', 'reset'],
}
const killGateway: Kind = {
  name: 'kill-gateway',
  forS: 1,
  action: ({ gateway }) => ({ kill: gateway }),
  mayCause: ['reset', 'connect', 'truncated'],
}

/** One fault every `slotS` seconds, each well over before the next. */
export function makePlan(durationS: number, slotS: number, model: string): PlannedFault[] {
  const processes = { engine: { deployment: model }, gateway: { process: 'gateway-0' } }
  const slots = Math.floor(durationS / slotS) - 1
  const kills = new Map([
    [Math.floor(slots * 0.35), killEngine],
    [Math.floor(slots * 0.65), killEngine],
    [slots - 2, killGateway],
    [slots - 1, killGateway],
  ])
  let next = 0
  return Array.from({ length: slots }, (_, slot) => {
    const kind = kills.get(slot) ?? cycle[next++ % cycle.length]!
    return {
      name: `${kind.name}-${slot}`,
      atS: slot * slotS + Math.min(10, slotS / 3),
      forS: kind.forS,
      action: kind.action(processes),
      mayCause: kind.mayCause,
    }
  })
}

export const planFile = (plan: readonly PlannedFault[]): object => ({
  faults: plan.map(({ name, atS, forS, action }) => ({
    name,
    at: `${atS}s`,
    for: `${forS}s`,
    ...action,
  })),
})

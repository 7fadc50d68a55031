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
  readonly action: (pids: Pids) => Readonly<Record<string, unknown>>
  readonly mayCause: readonly string[]
}

export interface Pids {
  readonly replica: number
  readonly gateway: number
}

const held: readonly string[] = ['timeout_ttft', 'timeout_stall', 'timeout_total']

/** Again and again, in this order. */
const cycle: readonly Kind[] = [
  {
    name: 'stop-engine',
    forS: 5,
    action: ({ replica }) => ({ stop: { pid: replica } }),
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
  { name: 'hog-cpu', forS: 5, action: () => ({ 'hog-cpu': { cores: 1 } }), mayCause: [] },
  {
    name: 'stop-gateway',
    forS: 4,
    action: ({ gateway }) => ({ stop: { pid: gateway } }),
    mayCause: held,
  },
]

/** Once each, late: the pids of the plan are gone afterwards. */
const killEngine: Kind = {
  name: 'kill-engine',
  forS: 1,
  action: ({ replica }) => ({ kill: { pid: replica } }),
  mayCause: ['sse_error', 'http_5xx', '503', 'truncated', 'reset'],
}
const killGateway: Kind = {
  name: 'kill-gateway',
  forS: 1,
  action: ({ gateway }) => ({ kill: { pid: gateway } }),
  mayCause: ['reset', 'connect', 'truncated'],
}

/** One fault every `slotS` seconds, each well over before the next. */
export function makePlan(durationS: number, slotS: number, pids: Pids): PlannedFault[] {
  const slots = Math.floor(durationS / slotS) - 1
  const endOfEngine = Math.floor(slots * 0.65)
  const plan: PlannedFault[] = []
  let next = 0
  for (let slot = 0; slot < slots; slot++) {
    let kind: Kind | undefined
    if (slot === endOfEngine) kind = killEngine
    else if (slot === slots - 1) kind = killGateway
    else
      do kind = cycle[next++ % cycle.length]!
      while (slot > endOfEngine && kind.name === 'stop-engine')
    plan.push({
      name: `${kind.name}-${slot}`,
      atS: slot * slotS + Math.min(10, slotS / 3),
      forS: kind.forS,
      action: kind.action(pids),
      mayCause: kind.mayCause,
    })
  }
  return plan
}

export const planFile = (plan: readonly PlannedFault[]): object => ({
  faults: plan.map(({ name, atS, forS, action }) => ({
    name,
    at: `${atS}s`,
    for: `${forS}s`,
    ...action,
  })),
})

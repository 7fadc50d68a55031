import { createDeployer, type Deployer } from '../../src/deployer/deployer.ts'
import { createDice } from './dice.ts'
import { createIntent } from './intent.ts'
import { createMachines } from './machines.ts'
import { createPromises } from './promises.ts'
import { testEngine } from './test-engine.ts'
import { createTime } from './time.ts'

/**
 * A simulated world around the real reconcile loop: nodes that come and go, engines that start slowly, crash or never
 * get ready, watches that lose events, lists that are old, a control that is killed. Time is simulated; one seed gives
 * one course of events. Everything that must never happen is looked for after every event.
 */
export interface World {
  /** One random event. */
  step(): Promise<void>
  /** No more trouble: all that is wanted has to come about. */
  settle(): Promise<void>
  readonly violations: readonly string[]
  /** What has happened how often, to see that the course was a rough one. */
  readonly events: ReadonlyMap<string, number>
  end(): void
}

const settleMs = 900_000
const drainedMax = 2

export async function createWorld(seed: number): Promise<World> {
  const dice = createDice(seed)
  const time = createTime()
  const violations: string[] = []
  const violate = (text: string): void => void violations.push(`${time.nowMs()}: ${text}`)
  const events = new Map<string, number>()
  const tell = (event: string): void => void events.set(event, (events.get(event) ?? 0) + 1)

  const machines = createMachines({ dice, time, tell, violate })
  const { trouble } = machines
  const tellWanted = (): void => deployer.setWanted(intent.all())
  const intent = createIntent({ dice, tell, onChange: tellWanted })
  const promises = createPromises({
    nowMs: time.nowMs,
    machines,
    intent,
    deployer: () => deployer,
    violate,
  })
  const drained = new Map<string, string>()
  let deployer = open()
  await begin()

  function open(): Deployer {
    let count = 0
    const suffix = time.id()
    promises.forget()
    return createDeployer({
      runtime: machines.openRuntime(),
      engineOf: () => testEngine,
      runsHere: () => true,
      createPreparations: () => ({
        of: (model) => ({ state: 'ready', path: model, task: 'generate' }),
        keepOnly: () => {},
        recheck: () => {},
        retry: () => {},
        close: () => {},
      }),
      async probe(_, url) {
        await time.pause(dice.within(0, 20))
        const state = machines.probe(url)
        return state && { state, reason: state }
      },
      callEngine: async () => null,
      readMetrics: async () => null,
      warm: async () => (dice.chance(0.02) ? 'no token came' : null),
      namesOf: () => ['gpu'],
      ledger: intent.ledger,
      clock: { nowMs: time.nowMs, monotonicMs: time.nowMs },
      log: promises.log,
      createSuffix: () => `${suffix}x${++count}`,
      publish: promises.judgeRoutes,
      meter: { reconciled: () => {}, acted: () => {} },
      schedule: { every: time.every, soon: (work) => time.after(0, work) },
    })
  }

  async function begin(): Promise<void> {
    deployer.setDrained(new Map(drained))
    tellWanted()
    const started = deployer.start()
    await time.advance(100)
    await started
  }

  async function restart(): Promise<void> {
    tell('control killed')
    deployer.close()
    deployer = open()
    await begin()
  }

  function drain(): void {
    const node = machines.pickNode()
    if (drained.has(node)) drained.delete(node)
    else if (drained.size < drainedMax) drained.set(node, 'is drained')
    tell('drain')
    deployer.setDrained(new Map(drained))
  }

  return {
    violations,
    events,
    async step() {
      const { within, chance, pick } = dice
      const roll = dice.roll()
      if (roll < 0.7) await time.advance(within(50, 800))
      else if (roll < 0.78) intent.changeSomething()
      else if (roll < 0.86) machines.crash(pick([...machines.running.keys()]) ?? '')
      else if (roll < 0.88) machines.loseNode()
      else if (roll < 0.91) machines.bringBack()
      else if (roll < 0.925) drain()
      else if (roll < 0.93) await restart()
      else if (roll < 0.95) trouble.losesEvents = chance(0.3)
      else if (roll < 0.97) trouble.readsOld = chance(0.3)
      else if (roll < 0.974) machines.loseMany('zone')
      else if (roll < 0.978) machines.loseMany('runtime')
      else await time.advance(within(1000, 5000))
    },
    async settle() {
      Object.assign(trouble, { losesEvents: false, readsOld: false, isQuiet: true })
      drained.clear()
      deployer.setDrained(new Map())
      while (!machines.isWhole()) machines.bringBack()
      // Room for all: what is left out must be left out for a reason.
      intent.becomeModest()
      await time.advance(settleMs)
      promises.judgeRest()
    },
    end: () => deployer.close(),
  }
}

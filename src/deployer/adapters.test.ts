import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../contract/deployment.ts'
import { systemClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import type { Engine } from '../engines/engine.ts'
import { createAdapters, type Adapters, type CallEngine } from './adapters.ts'
import type { Known } from './conditions.ts'
import { takenAdapters } from './launch.ts'
import { firstSeen, type Replica } from './policy/replica.ts'

const engine: Pick<Engine, 'adapters'> = {
  adapters: {
    nameOf: (model, adapter) => `${model}:${adapter}`,
    calls: {
      load: (name, path) => ({ path: '/load', body: { name, path } }),
      unload: (name) => ({ path: '/unload', body: { name } }),
    },
  },
}

const running = {
  id: 'ant-1',
  deployment: 'ant',
  revision: 1,
  specHash: 'a',
  pid: null,
  url: 'http://ant-1',
  startedAtMs: 0,
}
const replica: Replica = { ...firstSeen(running, '', 0), health: 'ready' }

/** A deployment of one replica that is to have these. */
function known(names: readonly string[], changes: Partial<Replica> = {}): Known {
  const adapters = names.map((name) => ({ name, path: `/lora/${name}` }))
  const settings = { lora: { dynamic: 'on', adapters } }
  const spec = deploymentSpec.parse({ name: 'ant', model: 'm', settings })
  return {
    wanted: { spec, revision: 1, createdAtMs: 0, updatedAtMs: 0, rollout: null },
    launch: {
      specHash: 'a',
      loadTimeoutMs: 1000,
      drainMs: 0,
      probePath: '/health',
      usesDevices: true,
      adapters: takenAdapters(engine, spec),
      pair: null,
      warnings: [],
      warningsOn: () => [],
      plan: () => {
        throw new Error('not needed')
      },
    },
    previous: null,
    condition: {
      deployment: { name: 'ant', revision: 1, replicas: 1, specHash: 'a', loadTimeoutMs: 1000 },
      replicas: [{ ...replica, ...changes }],
      restarts: undefined,
      preparation: null,
      noRoom: null,
      progress: null,
      isAsleep: false,
      nowMs: 0,
    },
  }
}

const open = (callEngine: CallEngine): Adapters =>
  createAdapters({
    engineOf: () => engine,
    callEngine,
    clock: systemClock,
    log: silentLog,
    onChange: () => {},
  })
/** Settles again and again until nothing more is to be told. */
const settled = async (adapters: Adapters, one: Known): Promise<void> => {
  for (let round = 0; round < 10; round++) {
    adapters.settle([one])
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('adapters that are taken while it runs', () => {
  it('are told to it one after another, and offered once it has them', async () => {
    const calls: unknown[] = []
    const adapters = open(async (url, { path, body }) => {
      calls.push([url + path, body])
      return null
    })
    const first = known(['sql'])
    expect(adapters.offered(first).names).toEqual(['sql'])
    expect(adapters.offered(first).servedName('sql', replica)).toBeNull()
    await settled(adapters, first)
    expect(adapters.offered(first).servedName('sql', replica)).toBe('ant:sql')
    const next = known(['law'])
    await settled(adapters, next)
    expect(adapters.offered(next).names).toEqual(['law'])
    expect(adapters.offered(next).servedName('law', replica)).toBe('ant:law')
    expect(adapters.offered(next).servedName('sql', replica)).toBeNull()
    expect(calls).toEqual([
      ['http://ant-1/load', { name: 'sql', path: '/lora/sql' }],
      ['http://ant-1/unload', { name: 'sql' }],
      ['http://ant-1/load', { name: 'law', path: '/lora/law' }],
    ])
  })

  it('that it refuses are said, and not told again at once', async () => {
    let tries = 0
    const adapters = open(async () => {
      tries++
      return 'status 400: its rank is too high'
    })
    const one = known(['sql'])
    await settled(adapters, one)
    expect(tries).toBe(1)
    expect(adapters.offered(one).servedName('sql', replica)).toBeNull()
    expect(adapters.troublesOf(one)).toEqual([
      'the adapter sql can not be loaded: status 400: its rank is too high',
    ])
  })

  it('are had where a control before this one had it take them', async () => {
    const adapters = open(async () => "The lora adapter 'sql' has already been loaded.")
    const one = known(['sql'])
    await settled(adapters, one)
    expect(adapters.offered(one).servedName('sql', replica)).toBe('ant:sql')
  })

  it('are told anew to one that was away: it may have been started anew', async () => {
    let tries = 0
    const adapters = open(async () => {
      tries++
      return null
    })
    await settled(adapters, known(['sql']))
    await settled(adapters, known(['sql'], { health: 'silent' }))
    await settled(adapters, known(['sql']))
    expect(tries).toBe(2)
  })
})

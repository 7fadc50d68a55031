import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import { firstSeen, type Replica } from './replica.ts'
import { offeredAdapters, type AdaptedRevision } from './adapters.ts'
import { snapshotRoutes, type RoutedDeployment } from './snapshot.ts'

const replica = (id: string, specHash: string): Replica => ({
  ...firstSeen(
    {
      id,
      deployment: 'ant',
      revision: 1,
      specHash,
      pid: null,
      url: `http://${id}`,
      startedAtMs: 0,
    },
    '',
    0,
  ),
  health: 'ready',
})

const revision = (
  specHash: string | null,
  names: readonly string[],
  areTaken: boolean,
): AdaptedRevision => ({
  spec: deploymentSpec.parse({
    name: 'ant',
    model: 'm',
    settings: { lora: { adapters: names.map((name) => ({ name, path: `/${name}` })) } },
  }),
  specHash,
  nameOf: (name) => `ant:${name}`,
  areTaken,
})

interface Given {
  readonly name?: string
  readonly route?: string
  readonly replicas?: readonly Replica[]
  readonly newest?: readonly string[]
  readonly previous?: readonly string[]
  readonly specHash?: string | null
  /** Adapters that replicas take while they run: `replica/adapter`. Absent: they come with the start. */
  readonly taken?: readonly string[]
}

const deployed = ({ name = 'ant', route, ...given }: Given): RoutedDeployment => ({
  spec: deploymentSpec.parse({ name, model: 'm', ...(route === undefined ? {} : { route }) }),
  createdAtMs: 5000,
  wakeMs: null,
  adapters: offeredAdapters(
    revision(
      given.specHash === undefined ? 'new' : given.specHash,
      given.newest ?? [],
      Boolean(given.taken),
    ),
    revision('old', given.previous ?? [], false),
    (id, adapter) => given.taken?.includes(`${id}/${adapter}`) === true,
  ),
  condition: {
    deployment: {
      name,
      revision: 2,
      replicas: 2,
      specHash: given.specHash === undefined ? 'new' : given.specHash,
      loadTimeoutMs: 1000,
      previous: { revision: 1, specHash: 'old', replicas: 2 },
    },
    replicas: given.replicas ?? [],
    restarts: undefined,
    preparation: null,
    noRoom: null,
    progress: null,
    isAsleep: false,
    nowMs: 0,
  },
})

/** `route: replica as what, …` */
const told = (...all: readonly RoutedDeployment[]): Record<string, readonly string[]> =>
  Object.fromEntries(
    snapshotRoutes(all).map(({ name, targets }) => [
      name,
      targets.flatMap(({ replicas }) =>
        replicas.map(({ id, servedName }) => (servedName === null ? id : `${id} as ${servedName}`)),
      ),
    ]),
  )

describe('routes of adapters', () => {
  const both = [replica('ant-1', 'old'), replica('ant-2', 'new')]

  it('lead to the replicas that know them, under the name that the engine has for them', () => {
    expect(told(deployed({ replicas: both, newest: ['sql', 'law'], previous: ['sql'] }))).toEqual({
      ant: ['ant-1', 'ant-2'],
      sql: ['ant-1 as ant:sql', 'ant-2 as ant:sql'],
      law: ['ant-2 as ant:law'],
    })
  })

  it('stay while the revision that had them serves, and are there before any replica is', () => {
    expect(told(deployed({ replicas: both, previous: ['old-one'] }))).toEqual({
      ant: ['ant-1', 'ant-2'],
      'old-one': ['ant-1 as ant:old-one'],
    })
    const [, adapter] = snapshotRoutes([deployed({ newest: ['sql'] })])
    expect(adapter).toMatchObject({
      name: 'sql',
      task: 'generate',
      createdS: 5,
      targets: [{ deployment: 'ant', replicas: [], reason: 'starting' }],
    })
  })

  it('lead to those that have taken them, where they are taken while they run', () => {
    const two = [replica('ant-2', 'new'), replica('ant-3', 'new')]
    const newest = ['sql', 'law']
    expect(told(deployed({ replicas: two, newest, taken: ['ant-3/sql'] }))).toEqual({
      ant: ['ant-2', 'ant-3'],
      sql: ['ant-3 as ant:sql'],
      law: [],
    })
  })

  it('take what runs for the newest while its hash is not known', () => {
    const waiting = deployed({ replicas: both, newest: ['sql'], specHash: null })
    expect(told(waiting)['sql']).toHaveLength(2)
  })

  it('never stand for another model', () => {
    const route = 'same'
    const ant = deployed({ route, replicas: both.slice(1), newest: ['sql', 'bee'] })
    const twin = deployed({
      name: 'twin',
      route,
      replicas: [replica('twin-1', 'new')],
      newest: ['sql'],
    })
    const bee = deployed({ name: 'bee', replicas: [replica('bee-1', 'new')], newest: ['sql'] })
    expect(told(ant, twin, bee)).toEqual({
      same: ['ant-2', 'twin-1'],
      bee: ['bee-1'],
      sql: ['ant-2 as ant:sql', 'twin-1 as ant:sql'],
    })
  })
})

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Store } from './store.ts'
import { change, key, request, spec } from './stored.fixture.ts'

export interface StoreBench {
  /** Opens the same data again each time, until `destroy`. */
  open(): Promise<Store>
  /** Pretends that a newer Baleen has been here. The store is closed. */
  addUnknownMigration(): Promise<void>
  destroy(): Promise<void>
}

/** Of a deployment that nothing has proven yet. */
const first = { from: null, step: 0, bakingSinceMs: null, paused: null }

/** What every store promises. */
export function storeContract(name: string, prepare: () => Promise<StoreBench>): void {
  describe(`${name} store`, () => {
    let bench: StoreBench
    let store: Store

    beforeEach(async () => {
      bench = await prepare()
      store = await bench.open()
    })
    afterEach(async () => {
      await store.close().catch(() => {})
      await bench.destroy()
    })
    const reopen = async (): Promise<Store> => {
      await store.close()
      store = await bench.open()
      return store
    }

    describe('injections', () => {
      const kept = (id: string, startedAt: string) => {
        const head = { id, startedAt, kind: 'injection-report', seed: 1 }
        return { head, document: { ...head, version: 1 } } as unknown as Parameters<
          Store['injections']['keep']
        >[0]
      }
      it('are kept once, listed newest first, and deleted', async () => {
        await store.injections.keep(kept('a', '2026-01-01T00:00:00.000Z'))
        await store.injections.keep(kept('c', '2026-01-03T00:00:00.000Z'))
        await store.injections.keep(kept('b', '2026-01-02T00:00:00.000Z'))
        await store.injections.keep(kept('a', '2026-09-09T00:00:00.000Z'))
        await reopen()
        const ids = async (limit: number) =>
          (await store.injections.list({ limit })).map(({ id }) => id)
        expect(await ids(10)).toEqual(['c', 'b', 'a'])
        expect(await ids(2)).toEqual(['c', 'b'])
        expect(await store.injections.get('a')).toMatchObject({
          version: 1,
          startedAt: '2026-01-01T00:00:00.000Z',
        })
        await store.injections.remove('b')
        expect(await ids(10)).toEqual(['c', 'a'])
        for (const missing of [store.injections.get('b'), store.injections.remove('b')])
          await expect(missing).rejects.toMatchObject({ code: 'injection/not-found' })
      })
    })

    describe('deployments', () => {
      it('keeps what was created, in that order, over a restart', async () => {
        await store.deployments.create(spec('zebra'), change(1))
        await store.deployments.create(spec('ant', { replicas: 3 }), change(1))
        const stored = await (await reopen()).deployments.list()
        expect(stored).toEqual([
          { spec: spec('zebra'), revision: 1, createdAtMs: 1, updatedAtMs: 1, rollout: first },
          {
            spec: spec('ant', { replicas: 3 }),
            revision: 1,
            createdAtMs: 1,
            updatedAtMs: 1,
            rollout: first,
          },
        ])
      })

      it('refuses a name that is taken', async () => {
        await store.deployments.create(spec('ant'), change(1))
        const again = store.deployments.create(spec('ant', { replicas: 2 }), change(2))
        await expect(again).rejects.toMatchObject({ code: 'deployment/conflict' })
        expect(await store.deployments.list()).toMatchObject([{ spec: { replicas: 1 } }])
      })

      it('counts revisions up and remembers who, why and when', async () => {
        await store.deployments.create(spec('ant'), change(1, 'config', 'new in the config file'))
        await store.deployments.update(spec('ant', { replicas: 2 }), change(2), null)
        await store.deployments.remove('ant', change(3, 'key_1', 'no longer needed'))
        const again = await store.deployments.create(spec('ant'), change(4))
        expect(again.revision).toBe(4)
        expect(await store.deployments.history('ant')).toMatchObject([
          { revision: 4, spec: spec('ant'), ...change(4) },
          { revision: 3, spec: null, ...change(3, 'key_1', 'no longer needed') },
          { revision: 2, spec: spec('ant', { replicas: 2 }), ...change(2) },
          { revision: 1, spec: spec('ant'), ...change(1, 'config', 'new in the config file') },
        ])
      })

      it('updates only the revision that the caller has seen', async () => {
        await store.deployments.create(spec('ant'), change(1))
        await store.deployments.update(spec('ant', { replicas: 2 }), change(2), 1)
        const late = store.deployments.update(spec('ant', { replicas: 9 }), change(3), 1)
        await expect(late).rejects.toMatchObject({ code: 'deployment/conflict' })
        expect(await store.deployments.list()).toMatchObject([
          { spec: { replicas: 2 }, revision: 2, createdAtMs: 1, updatedAtMs: 2 },
        ])
      })

      it('says which deployment is missing', async () => {
        const missing = { code: 'deployment/not-found', param: 'name' }
        const update = store.deployments.update(spec('ant'), change(1), null)
        await expect(update).rejects.toMatchObject(missing)
        await expect(store.deployments.remove('ant', change(1))).rejects.toMatchObject(missing)
        expect(await store.deployments.history('ant')).toEqual([])
      })

      it('keeps every one of many changes made at the same time', async () => {
        await store.deployments.create(spec('ant'), change(0))
        await Promise.all(
          Array.from({ length: 20 }, (_, at) =>
            store.deployments.update(spec('ant', { replicas: at }), change(at), null),
          ),
        )
        const history = await store.deployments.history('ant')
        expect(history.map((one) => one.revision)).toEqual(
          Array.from({ length: 21 }, (_, at) => 21 - at),
        )
      })

      describe('rollouts', () => {
        const rollout = async () => (await (await reopen()).deployments.list())[0]?.rollout
        const outcomes = async () =>
          (await store.deployments.history('ant')).map(({ revision, outcome }) => [
            revision,
            outcome?.kind ?? null,
          ])

        it('begins with each change of the engine, from what has proven itself', async () => {
          await store.deployments.create(spec('ant'), change(1))
          expect(await rollout()).toEqual(first)
          // Nothing to go back to: revision 1 has never been ready.
          await store.deployments.update(spec('ant', { model: 'm2' }), change(2), null)
          expect(await rollout()).toEqual(first)
          await store.deployments.promote('ant', 2, 'ready', 3)
          expect(await rollout()).toBe(null)
          const changed = spec('ant', { model: 'm3' })
          const updated = await store.deployments.update(changed, change(4), null)
          const from = { revision: 2, spec: spec('ant', { model: 'm2' }) }
          expect(updated.rollout).toEqual({ ...first, from })
          expect(await rollout()).toEqual({ ...first, from })
          expect(await outcomes()).toEqual([
            [3, null],
            [2, 'promoted'],
            [1, 'superseded'],
          ])
        })

        it('keeps its step over a restart, also when the number of replicas changes', async () => {
          await store.deployments.create(spec('ant'), change(1))
          await store.deployments.promote('ant', 1, 'ready', 1)
          await store.deployments.update(spec('ant', { model: 'm2' }), change(2), null)
          const state = { step: 2, bakingSinceMs: 77, paused: 'too slow' }
          await store.deployments.setRollout('ant', 2, state)
          await store.deployments.setRollout('ant', 1, { ...state, step: 9 })
          expect(await rollout()).toMatchObject(state)
          await store.deployments.update(spec('ant', { model: 'm2', replicas: 5 }), change(3), null)
          expect(await rollout()).toMatchObject({ ...state, from: { revision: 1 } })
          await store.deployments.update(spec('ant', { model: 'm4' }), change(4), null)
          expect(await rollout()).toMatchObject({ step: 0, paused: null, from: { revision: 1 } })
        })

        it('goes back to what served, with the number of replicas of today and the reason', async () => {
          await store.deployments.create(spec('ant'), change(1))
          await expect(store.deployments.rollBack('ant', 1, change(1))).rejects.toMatchObject({
            code: 'deployment/conflict',
          })
          await store.deployments.promote('ant', 1, 'ready', 1)
          const canary = spec('ant', { model: 'm2', replicas: 3 })
          await store.deployments.update(canary, change(2), null)
          const why = change(3, 'rollout', '9 of 80 requests failed')
          const late = store.deployments.rollBack('ant', 1, why)
          await expect(late).rejects.toMatchObject({ code: 'deployment/conflict' })
          const back = await store.deployments.rollBack('ant', 2, why)
          expect(back).toMatchObject({ spec: spec('ant', { replicas: 3 }), revision: 3 })
          expect(await rollout()).toBe(null)
          const [newest, failed] = await store.deployments.history('ant')
          expect(newest).toMatchObject({ by: 'rollout', outcome: { kind: 'promoted' } })
          expect(failed?.outcome).toEqual({ kind: 'rolled-back', reason: why.why, atMs: 3 })
        })

        it('ends with its deployment', async () => {
          await store.deployments.create(spec('ant'), change(1))
          await store.deployments.promote('ant', 1, 'ready', 1)
          await store.deployments.update(spec('ant', { model: 'm2' }), change(2), null)
          await store.deployments.remove('ant', change(3))
          await store.deployments.create(spec('ant'), change(4))
          expect(await rollout()).toEqual(first)
        })
      })

      it('applies the config file as a whole or not at all', async () => {
        await store.deployments.create(spec('old'), change(1))
        expect(await store.deployments.configEntries()).toEqual([])
        const entries = [{ name: 'ant', hash: 'a1' }]
        await store.deployments.applyConfig(
          [
            { kind: 'put', spec: spec('ant') },
            { kind: 'put', spec: spec('old', { replicas: 2 }) },
            { kind: 'delete', name: 'never-there' },
          ],
          entries,
          change(2, 'config'),
        )
        expect(await store.deployments.list()).toMatchObject([
          { spec: spec('old', { replicas: 2 }), revision: 2 },
          { spec: spec('ant'), revision: 1 },
        ])
        const twice = [entries[0]!, entries[0]!]
        const broken = store.deployments.applyConfig(
          [{ kind: 'delete', name: 'ant' }],
          twice,
          change(3),
        )
        await expect(broken).rejects.toThrow()
        expect(await store.deployments.list()).toHaveLength(2)
        expect(await (await reopen()).deployments.configEntries()).toEqual(entries)
      })
    })

    it('remembers which nodes are drained', async () => {
      await store.nodes.drain('gpu-2', change(1))
      await store.nodes.drain('gpu-1', change(2, 'admin', 'a new power supply'))
      await store.nodes.drain('gpu-1', change(3, 'admin', 'still'))
      expect(await (await reopen()).nodes.drained()).toEqual([
        { name: 'gpu-1', ...change(3, 'admin', 'still') },
        { name: 'gpu-2', ...change(1) },
      ])
      await store.nodes.restore('gpu-2')
      await store.nodes.restore('never-there')
      expect(await store.nodes.drained()).toMatchObject([{ name: 'gpu-1' }])
    })

    describe('keys', () => {
      it('keeps them with every field, in the order of creation', async () => {
        const full = key('key_2', {
          routes: ['chat', 'hf.co/a:b'],
          requestsPerMinute: 60,
          tokensPerMinute: 1_000_000_000,
          expiresAtMs: 1_900_000_000_000,
          isAdmin: true,
        })
        await store.keys.create(full)
        await store.keys.create(key('key_1'))
        expect(await (await reopen()).keys.list()).toEqual([full, key('key_1')])
      })

      it('changes only what is given, and null is a value', async () => {
        await store.keys.create(key('key_1', { requestsPerMinute: 5, tokensPerMinute: 6 }))
        const patch = { requestsPerMinute: null, name: 'team', routes: undefined }
        const changed = await store.keys.update('key_1', patch)
        expect(changed).toEqual(key('key_1', { name: 'team', tokensPerMinute: 6 }))
        expect(await store.keys.list()).toEqual([changed])
      })

      it('forgets a removed key and says when there is none', async () => {
        await store.keys.create(key('key_1'))
        await store.keys.remove('key_1')
        expect(await store.keys.list()).toEqual([])
        const missing = { code: 'key/not-found' }
        await expect(store.keys.remove('key_1')).rejects.toMatchObject(missing)
        await expect(store.keys.update('key_1', {})).rejects.toMatchObject(missing)
      })
    })

    describe('requests', () => {
      it('keeps a request with every field', async () => {
        const plain = request('req_1', { atMs: 1 })
        const full = request('req_2', {
          clientId: 'from the client',
          atMs: 1_800_000_000_000,
          stream: true,
          deployment: null,
          replica: null,
          outcome: 'timeout',
          error: 'gateway/upstream-timeout',
          isEstimated: true,
          ttftMs: null,
          itlMsMean: 12.345678,
        })
        await store.requests.replay([plain, full], { file: 'a', offset: 10 })
        expect(await (await reopen()).requests.recent({ limit: 10 })).toEqual([full, plain])
      })

      it('replays the same lines any number of times to the same effect', async () => {
        const first = [request('req_1'), request('req_2', { promptTokens: 7 })]
        await store.requests.replay(first, { file: 'a', offset: 10 })
        const changed = request('req_2', { promptTokens: 1000 })
        await store.requests.replay([...first, changed, request('req_3')], {
          file: 'a',
          offset: 20,
        })
        const stored = await store.requests.recent({ limit: 10 })
        expect(stored.map((one) => one.id).toSorted()).toEqual(['req_1', 'req_2', 'req_3'])
        expect(stored.find((one) => one.id === 'req_2')?.promptTokens).toBe(7)
      })

      it('moves the offset together with the requests', async () => {
        const many = Array.from({ length: 2500 }, (_, at) => request(`req_${at}`))
        await store.requests.replay(many, { file: 'a', offset: 2 ** 40 })
        await store.requests.replay([], { file: 'b', offset: 7 })
        await store.requests.forgetJournal('b')
        const broken = { ...request('req_bad'), route: null as unknown as string }
        const failing = store.requests.replay([request('req_new'), broken], {
          file: 'a',
          offset: 0,
        })
        await expect(failing).rejects.toThrow()
        expect(await store.requests.journalOffsets()).toEqual([{ file: 'a', offset: 2 ** 40 }])
        expect(await store.requests.recent({ limit: 10_000 })).toHaveLength(2500)
      })

      it('lists the newest first, of one route when asked', async () => {
        const rows = [1, 3, 2].map((atMs) => request(`req_${atMs}`, { atMs }))
        const other = request('req_4', { atMs: 4, route: 'other' })
        await store.requests.replay([...rows, other], { file: 'a', offset: 1 })
        const newest = await store.requests.recent({ limit: 2 })
        expect(newest.map((one) => one.id)).toEqual(['req_4', 'req_3'])
        const ofRoute = await store.requests.recent({ limit: 2, route: 'chat' })
        expect(ofRoute.map((one) => one.id)).toEqual(['req_3', 'req_2'])
      })

      it('sums usage as numbers, by key, route and deployment, in the hours asked for', async () => {
        const hourMs = 3_600_000
        await store.requests.replay(
          [
            request('req_1', { atMs: hourMs, key: 'key_1', promptTokens: 2 ** 40 }),
            request('req_2', { atMs: 2 * hourMs - 1, key: 'key_1', cachedTokens: 1 }),
            request('req_3', { atMs: hourMs, key: 'key_2', outcome: 'failed', deployment: null }),
          ],
          { file: 'a', offset: 1 },
        )
        const later = request('req_4', { atMs: 2 * hourMs, key: 'key_2', outcome: 'timeout' })
        const again = request('req_1', { atMs: hourMs, key: 'key_1' })
        await store.requests.replay([again, later, later], { file: 'a', offset: 2 })
        const window = { sinceMs: hourMs + 5, untilMs: 2 * hourMs }
        expect(await store.requests.usage({ by: 'key', ...window })).toEqual([
          {
            group: 'key_1',
            requests: 2,
            failed: 0,
            promptTokens: 2 ** 40 + 3,
            completionTokens: 10,
            cachedTokens: 1,
          },
          {
            group: 'key_2',
            requests: 1,
            failed: 1,
            promptTokens: 3,
            completionTokens: 5,
            cachedTokens: 0,
          },
        ])
        const groups = async (by: 'route' | 'deployment') =>
          (await store.requests.usage({ by, sinceMs: 0, untilMs: 10 * hourMs })).map((row) => [
            row.group,
            row.requests,
            row.failed,
          ])
        expect(await groups('route')).toEqual([['chat', 4, 2]])
        expect(await groups('deployment')).toEqual([
          ['ant', 3, 1],
          ['', 1, 1],
        ])
      })
    })

    it('has one writer at a time', async () => {
      await expect(bench.open()).rejects.toMatchObject({ code: 'store/locked' })
      await store.keys.create(key('key_1'))
      expect(await (await reopen()).keys.list()).toHaveLength(1)
    })

    it('leaves data of a newer version alone', async () => {
      await store.keys.create(key('key_1'))
      await store.close()
      await bench.addUnknownMigration()
      await expect(bench.open()).rejects.toMatchObject({ code: 'store/newer-schema' })
    })
  })
}

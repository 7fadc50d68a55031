import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AppError } from '../../core/errors.ts'
import { Gone, type ApiObject, type KubernetesApi, type Query, type WatchEvent } from './api.ts'
import { createInformer } from './informer.ts'

const object = (name: string, resourceVersion: string, uid = name): ApiObject => ({
  metadata: { name, uid, resourceVersion, creationTimestamp: '2026-11-26T10:00:00Z' },
})

/** A server whose lists and watches are what the test gives, one after the other; then it hangs. */
function bench(
  lists: (readonly ApiObject[] | Error)[],
  watches: (readonly (WatchEvent<ApiObject> | Error)[])[],
) {
  const asked: string[] = []
  const api = {
    async list() {
      asked.push('list')
      const items = lists.shift()
      if (!items) return new Promise(() => {})
      if (items instanceof Error) throw items
      return { items, resourceVersion: '100' }
    },
    async *watch(_: string, query: Query, signal: AbortSignal) {
      asked.push(`watch from ${String(query['resourceVersion'])}`)
      const events = watches.shift()
      if (!events) await delay(60_000, undefined, { signal }).catch(() => {})
      for (const event of events ?? []) {
        if (event instanceof Error) throw event
        yield event
      }
    },
  } as unknown as KubernetesApi
  const changes: string[] = []
  const informer = createInformer<ApiObject>(api, '/x', {}, (one, isThere) =>
    changes.push(`${isThere ? '+' : '-'}${one.metadata.name}@${one.metadata.resourceVersion}`),
  )
  onTestFinished(() => informer.close())
  return { informer, changes, asked }
}

const event = (type: WatchEvent<ApiObject>['type'], one: ApiObject) => ({ type, object: one })

describe('informer', () => {
  it('lists, then follows', async () => {
    const { informer, changes, asked } = bench(
      [[object('a', '1')]],
      [
        [
          event('MODIFIED', object('a', '2')),
          event('ADDED', object('b', '3')),
          event('DELETED', object('a', '4')),
        ],
      ],
    )
    await informer.ready()
    await expect.poll(() => changes).toEqual(['+a@1', '+a@2', '+b@3', '-a@2'])
    expect([...informer.objects.keys()]).toEqual(['b'])
    expect(asked.slice(0, 2)).toEqual(['list', 'watch from 100'])
  })

  it('goes on from the last bookmark when the server closes the watch', async () => {
    const { informer, asked } = bench([[]], [[event('BOOKMARK', object('', '170'))]])
    await informer.ready()
    await expect.poll(() => asked).toEqual(['list', 'watch from 100', 'watch from 170'])
  })

  it('lists again where that is too old, and notices what went meanwhile', async () => {
    const { informer, changes, asked } = bench(
      [
        [object('a', '1'), object('b', '2')],
        [object('b', '2'), object('c', '9')],
      ],
      [[new Gone('/x')]],
    )
    await informer.ready()
    await expect.poll(() => changes).toEqual(['+a@1', '+b@2', '-a@1', '+b@2', '+c@9'])
    expect(asked.filter((one) => one === 'list')).toHaveLength(2)
  })

  it('says why the server can not be asked, and that it can again', async () => {
    const away = new AppError('runtime/unreachable', { message: 'connection refused' })
    const { informer } = bench([away, [object('a', '1')]], [])
    await expect(informer.ready()).rejects.toMatchObject({ code: 'runtime/unreachable' })
    await expect.poll(() => informer.objects.size).toBe(1)
    await informer.ready()
  })

  it('believes what was written over an older echo of it', async () => {
    const { informer, changes } = bench([[object('a', '5')]], [])
    await informer.ready()
    informer.note(object('a', '7'))
    informer.note(object('a', '6'))
    expect(changes).toEqual(['+a@5', '+a@7'])
    informer.note(object('a', '1', 'another'))
    expect(informer.objects.get('a')?.metadata.uid).toBe('another')
  })
})

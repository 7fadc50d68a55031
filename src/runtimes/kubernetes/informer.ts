import { Gone, watchMs, type ApiObject, type KubernetesApi, type Query } from './api.ts'

/** All objects of a kind as the server has them, kept up to date by a watch. */
export interface Informer<T extends ApiObject> {
  /** By name. */
  readonly objects: ReadonlyMap<string, T>
  /** Waits for the first list. Throws why the server can't be asked now; the informer goes on trying by itself. */
  ready(): Promise<void>
  /** Sees at once what was just written, before the watch tells. */
  note(object: T): void
  close(): void
}

const [firstWaitMs, lastWaitMs] = [200, 15_000]

/**
 * Lists, watches from there, goes on from the last bookmark when the server closes the watch, and lists again where
 * that is too old. `onChange` comes after each event and each list.
 */
export function createInformer<T extends ApiObject>(
  api: KubernetesApi,
  path: string,
  query: Query,
  onChange: (object: T, isThere: boolean) => void,
): Informer<T> {
  const objects = new Map<string, T>()
  const stopped = new AbortController()
  /** Settled once the server has been asked at all. */
  const asked = Promise.withResolvers<void>()
  let trouble: unknown = null

  const set = (object: T): void => {
    const { name } = object.metadata
    if (isOlder(object, objects.get(name))) return
    objects.set(name, object)
    onChange(object, true)
  }
  const remove = (name: string): void => {
    const object = objects.get(name)
    objects.delete(name)
    if (object) onChange(object, false)
  }
  const relist = async (): Promise<string> => {
    const { items, resourceVersion } = await api.list<T>(path, query)
    const names = new Set(items.map((one) => one.metadata.name))
    for (const name of objects.keys()) if (!names.has(name)) remove(name)
    for (const item of items) set(item)
    return resourceVersion
  }
  const follow = async (from: string): Promise<string> => {
    let resourceVersion = from
    const timeoutSeconds = Math.round((watchMs / 1000) * (0.8 + Math.random() * 0.2))
    const watching = { ...query, resourceVersion, timeoutSeconds }
    for await (const { type, object } of api.watch<T>(path, watching, stopped.signal)) {
      trouble = null
      resourceVersion = object.metadata.resourceVersion
      if (type === 'DELETED') remove(object.metadata.name)
      else if (type !== 'BOOKMARK') set(object)
    }
    return resourceVersion
  }
  const run = async (): Promise<void> => {
    let resourceVersion: string | null = null
    let waitMs = firstWaitMs
    while (!stopped.signal.aborted)
      try {
        if (resourceVersion === null) {
          resourceVersion = await relist()
          trouble = null
          asked.resolve()
        }
        resourceVersion = await follow(resourceVersion)
        waitMs = firstWaitMs
      } catch (thrown) {
        if (stopped.signal.aborted) return
        if (thrown instanceof Gone) {
          resourceVersion = null
          continue
        }
        trouble = thrown
        asked.resolve()
        await sleep(waitMs * (0.5 + Math.random()), stopped.signal)
        waitMs = Math.min(waitMs * 2, lastWaitMs)
      }
  }
  void run()

  return {
    objects,
    async ready() {
      await asked.promise
      if (trouble !== null) throw trouble
    },
    note: set,
    close: () => stopped.abort(),
  }
}

/** Versions are to be compared for equality only; but the same object's number never falls in what etcd gives out. */
function isOlder(next: ApiObject, known: ApiObject | undefined): boolean {
  if (!known || known.metadata.uid !== next.metadata.uid) return false
  const [a, b] = [next.metadata.resourceVersion, known.metadata.resourceVersion].map(Number)
  return a !== undefined && b !== undefined && a < b
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import type { Snapshot, SnapshotRoute } from '../../contract/snapshot.ts'
import { readSnapshot, watchModels, type RouteState } from './model-watch.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen watch '))
afterAll(() => rmSync(directory, { recursive: true }))

const route = (name: string, replicas: number, reason: string): SnapshotRoute => ({
  name,
  task: 'generate',
  createdS: 0,
  targets: [
    {
      deployment: name,
      weight: 1,
      reason,
      replicas: Array.from({ length: replicas }, (_, index) => ({
        id: `${name}-${index}`,
        url: 'http://127.0.0.1:1',
        servedName: null,
      })),
    },
  ],
})
const path = join(directory, 'snapshot.json')
const publish = (...routes: SnapshotRoute[]) =>
  writeFileSync(
    path,
    JSON.stringify({ version: 1, createdAtMs: 0, keys: [], routes } satisfies Snapshot),
  )

it('tells each change once, until all are ready', async () => {
  expect(readSnapshot(path)).toBe(null)
  const told: RouteState[] = []
  publish(route('a', 2, ''), route('b', 0, 'loading the model, 40 %'))
  const watch = watchModels(path, (state) => {
    told.push(state)
    if (told.length === 2) publish(route('a', 2, ''), route('b', 1, ''))
  })
  const deadlineMs = Date.now() + 10_000
  while (told.length < 3 && Date.now() < deadlineMs)
    await new Promise((resolve) => setTimeout(resolve, 20))
  watch.end()
  expect(told).toEqual([
    { route: 'a', isReady: true, text: 'ready, 2 replicas' },
    { route: 'b', isReady: false, text: 'loading the model, 40 %' },
    { route: 'b', isReady: true, text: 'ready' },
  ])
})

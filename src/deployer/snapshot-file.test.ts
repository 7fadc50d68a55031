import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Snapshot, SnapshotRoute } from '../contract/snapshot.ts'
import { createSnapshotFile } from './snapshot-file.ts'

const route = (name: string): SnapshotRoute => ({
  name,
  task: 'generate',
  createdS: 1,
  targets: [],
})

function bench() {
  const directory = mkdtempSync(join(tmpdir(), 'baleen-snapshot-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'snapshot.json')
  const clock = { nowMs: () => 1000, monotonicMs: () => 0 }
  return {
    path,
    directory,
    open: (nowMs = 1000) => createSnapshotFile(path, { ...clock, nowMs: () => nowMs }),
    read: () => JSON.parse(readFileSync(path, 'utf8')) as Snapshot,
  }
}

describe('snapshot file', () => {
  it('is written when something changed, and its version only grows', () => {
    const { open, read } = bench()
    const file = open()
    const versions = ['a', 'a', 'b', 'a'].map((name) => {
      file.write({ keys: [], routes: [route(name)] })
      return read().version
    })
    expect(versions).toEqual([1000, 1000, 1001, 1002])
  })

  it('goes on with the version after a restart, also with the clock set back', () => {
    const { open, read } = bench()
    open(5000).write({ keys: [], routes: [] })
    open(10).write({ keys: [], routes: [route('a')] })
    expect(read().version).toBe(5001)
  })

  it('is not written again by a new control that has nothing new to say', () => {
    const { open, read } = bench()
    open(1000).write({ keys: [], routes: [route('a')] })
    open(2000).write({ keys: [], routes: [route('a')] })
    expect(read().createdAtMs).toBe(1000)
  })

  it('grows past what gateways may hold when the file was damaged', () => {
    const { open, read, path } = bench()
    open(1000).write({ keys: [], routes: [] })
    writeFileSync(path, '{"version":')
    open(2000).write({ keys: [], routes: [] })
    expect(read().version).toBe(2000)
  })

  it('is for this user only and leaves nothing beside it', () => {
    const { open, path, directory } = bench()
    open().write({ keys: [], routes: [] })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(directory)).toEqual(['snapshot.json'])
  })
})

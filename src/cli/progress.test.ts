import { describe, expect, it } from 'vitest'
import { readEnvironment } from '../server/environment.ts'
import { createOutput, type Io } from './io.ts'
import { createProgress } from './progress.ts'

function setUp(stderr: { isTTY?: boolean; columns?: number }, quiet = false) {
  let seen = ''
  const io: Io = {
    environment: readEnvironment({}),
    workingDirectory: '/',
    stdin: process.stdin,
    stdout: { write() {} },
    stderr: { ...stderr, write: (text: string) => (seen += text) },
    interrupt: new AbortController().signal,
    interruptAgain: new AbortController().signal,
  }
  const output = createOutput(io, { json: false, quiet, noColor: true })
  return { progress: createProgress(io, output), seen: () => seen }
}

describe('createProgress', () => {
  it('tells a log file each phase once', () => {
    const { progress, seen } = setUp({})
    for (const percent of [1, 2, 99]) progress.update('pull', `fetching, ${percent} %`)
    progress.update('pull', 'checking')
    progress.done('pull', 'here')
    progress.update('pull', 'fetching, 1 %')
    expect(seen()).toBe('… fetching, 1 %\n… checking\n✓ here\n… fetching, 1 %\n')
    for (const bar of ['░░ 0 %', '█░ 50 %  2 MiB/s']) progress.update('b', `b ${bar}`, 'fetching b')
    expect(seen().endsWith('1 %\n… b ░░ 0 %\n')).toBe(true)
  })

  it('rewrites one line of a terminal, no wider than it is', () => {
    const { progress, seen } = setUp({ isTTY: true, columns: 20 })
    progress.update('a', 'loading the model')
    progress.update('b', 'fetching')
    expect(seen().split('\r\x1b[K').at(-1)).toBe('… loading the model')
    progress.done('a', 'loaded')
    expect(seen().split('\r\x1b[K').slice(-2)).toEqual(['✓ loaded\n', '… fetching'])
    progress.clear()
    expect(seen().endsWith('\r\x1b[K')).toBe(true)
    progress.done('c', 'stopped')
    expect(seen().endsWith('✓ stopped\n')).toBe(true)
  })

  it('knows terminals that do not tell their width', () => {
    const { progress, seen } = setUp({ isTTY: true, columns: 0 })
    progress.update('a', 'loading')
    expect(seen()).toBe('\r\x1b[K… loading')
  })

  it('is silent with --quiet', () => {
    const { progress, seen } = setUp({ isTTY: true }, true)
    progress.update('a', 'x')
    progress.done('a', 'x')
    progress.fail('a', 'x')
    expect(seen()).toBe('')
  })
})

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { findProcesses, isRunning, signalProcess, startTimeOf } from './process-table.ts'

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

async function startChild(variables: Record<string, string>): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.push(child)
  await once(child.stdout!, 'data')
  return child.pid!
}

describe('startTimeOf', () => {
  it('names a process for good, and nothing once it has ended', async () => {
    const pid = await startChild({})
    const startTime = startTimeOf(pid)
    expect(startTime).toMatch(/\S/)
    expect(startTimeOf(pid)).toBe(startTime)
    expect(isRunning({ pid, startTime: startTime! })).toBe(true)
    expect(isRunning({ pid, startTime: 'another' })).toBe(false)

    const [child] = children
    const ended = once(child!, 'exit')
    expect(signalProcess({ pid, startTime: 'another' }, 'SIGKILL')).toBe(false)
    expect(signalProcess({ pid, startTime: startTime! }, 'SIGKILL')).toBe(true)
    await ended
    expect(startTimeOf(pid)).toBe(null)
  })

  it('knows no process that is none', () => expect(startTimeOf(2 ** 22 + 1)).toBe(null))
})

describe.runIf(process.platform === 'linux')('findProcesses', () => {
  it('finds the processes of one data directory by their role', async () => {
    const directory = `/data of ${process.pid}`
    const gateway = await startChild({ BALEEN_DATA: directory, BALEEN_ROLE: 'gateway' })
    // An engine inherits the role of the control that started it.
    const engine = await startChild({
      BALEEN_DATA: directory,
      BALEEN_ROLE: 'control',
      BALEEN_REPLICA: '{}',
    })
    await startChild({ BALEEN_DATA: `${directory}2`, BALEEN_ROLE: 'gateway' })
    // A person's shell that names the directory is nobody's child.
    await startChild({ BALEEN_DATA: directory })
    const found = findProcesses(directory).map(({ pid, role }) => `${role} ${pid}`)
    expect(found.toSorted()).toEqual([`engine ${engine}`, `gateway ${gateway}`])
  })
})

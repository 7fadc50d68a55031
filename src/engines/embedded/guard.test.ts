import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasSupervisor, watchSupervisor } from './guard.ts'

describe.skipIf(process.platform !== 'linux')('guard against being orphaned', () => {
  let directory: string
  let isOrphaned: boolean
  let unwatch = (): void => {}

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'baleen-guard-'))
    await mkdir(join(directory, 'run'))
    isOrphaned = false
  })
  afterEach(async () => {
    unwatch()
    await rm(directory, { recursive: true })
  })

  const watch = (graceMs: number): void => {
    unwatch = watchSupervisor(directory, () => (isOrphaned = true), { everyMs: 5, graceMs })
  }
  const record = (pid: number, startTime: string): Promise<void> =>
    writeFile(
      join(directory, 'run', 'supervisor.json'),
      JSON.stringify({ pid, startTime, url: null }),
    )
  const startTime = async (pid: number): Promise<string> =>
    (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')[19]!

  it('notices that the supervisor died', async () => {
    const child = spawn('sleep', ['60'])
    await record(child.pid!, await startTime(child.pid!))
    watch(50)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(isOrphaned).toBe(false)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await expect.poll(() => isOrphaned).toBe(true)
  })

  it('is not fooled by another process with the same number', async () => {
    await record(process.pid, 'another start')
    watch(20)
    await expect.poll(() => isOrphaned).toBe(true)
  })

  it('accepts a new supervisor within the grace', async () => {
    await record(process.pid, 'dead')
    watch(2000)
    await record(process.pid, await startTime(process.pid))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(isOrphaned).toBe(false)
  })

  it('knows where there never was one, as in a container', async () => {
    expect(hasSupervisor(directory)).toBe(false)
    await record(process.pid, 'dead')
    expect(hasSupervisor(directory)).toBe(true)
  })

  it('counts a missing record as no supervisor', async () => {
    watch(20)
    await expect.poll(() => isOrphaned).toBe(true)
  })
})

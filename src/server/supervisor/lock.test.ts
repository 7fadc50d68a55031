import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { takeLock } from './lock.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen lock '))
afterAll(() => rmSync(directory, { recursive: true }))

it('has one holder, until that lets go or is killed', async () => {
  const path = join(directory, 'lock')
  const refused = expect.objectContaining({
    code: 'machine/already-running',
    message: 'somebody has it',
  })
  const take = () => takeLock(path, () => 'somebody has it')

  const own = take()
  expect(take).toThrow(refused)
  own.release()
  take().release()

  const other = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { takeLock } = await import(${JSON.stringify(join(import.meta.dirname, 'lock.ts'))})
       takeLock(${JSON.stringify(path)}, () => '')
       console.log('held')
       setInterval(() => {}, 1000)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(other.stdout, 'data')
  expect(take).toThrow(refused)
  other.kill('SIGKILL')
  await once(other, 'exit')
  take().release()
})

import {
  closeSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { openLog, trimLog, writeLog } from './log-file.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen logs '))
afterAll(() => rmSync(directory, { recursive: true }))
const long = 'x'.repeat(17 * 2 ** 20)

it('appends, and makes room at the start once the file is long', () => {
  const path = join(directory, 'a.log')
  for (const text of ['one\n', 'two\n']) {
    const file = openLog(path)
    writeSync(file, text)
    closeSync(file)
  }
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n')
  writeFileSync(path, long)
  closeSync(openLog(path))
  expect(statSync(path).size).toBe(0)
  expect(statSync(`${path}.1`).size).toBe(long.length)
})

it('cuts the file under a child that goes on writing', () => {
  const path = join(directory, 'b.log')
  const file = openLog(path)
  writeSync(file, 'short\n')
  trimLog(path)
  expect(readFileSync(path, 'utf8')).toBe('short\n')
  writeSync(file, long)
  trimLog(path)
  writeSync(file, 'after\n')
  expect(readFileSync(path, 'utf8')).toBe('after\n')
  expect(statSync(`${path}.1`).size).toBe(long.length + 'short\n'.length)
  closeSync(file)
})

it('writes JSON lines, and bears having nowhere to write', () => {
  const path = join(directory, 'c.log')
  writeLog(path, 'warn', { text: 'careful' })
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
    level: 'warn',
    time: expect.any(Number),
    text: 'careful',
  })
  expect(() => writeLog(join(directory, 'none', 'd.log'), 'info', {})).not.toThrow()
})

import { closeSync, existsSync, openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createLog, openLogOutput, type LogConfig } from './log.ts'

const linesOf = (config: Partial<LogConfig>, fields: object): Record<string, unknown>[] => {
  const lines: string[] = []
  const log = createLog(
    { name: 'control', level: 'info', prompts: false, ...config },
    { write: (line) => void lines.push(line) },
  )
  log.debug({}, 'quiet')
  log.info(fields, 'said')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('log', () => {
  it('is one JSON object a line, with the level by name', () => {
    expect(linesOf({}, { replica: 'ant-1' })).toMatchObject([
      { level: 'info', name: 'control', replica: 'ant-1', msg: 'said', time: expect.any(Number) },
    ])
  })

  it('never holds prompts or secrets, at the top or one level down', () => {
    const said = { prompt: 'hush', request: { messages: ['hush'], path: '/v1', token: 'hush' } }
    const [line] = linesOf({}, said)
    expect(JSON.stringify(line)).not.toContain('hush')
    expect(line).toMatchObject({ request: { path: '/v1' } })
  })

  it.skipIf(!existsSync('/dev/full'))('goes on where the disk is full', async () => {
    const full = openSync('/dev/full', 'w')
    const log = createLog({ name: 'control', level: 'info', prompts: false }, openLogOutput(full))
    for (let count = 0; count < 100; count++) log.info({ text: 'x'.repeat(50_000) }, 'said')
    // An error that nobody hears ends the process on its next turn.
    await new Promise((resolve) => setImmediate(resolve))
    closeSync(full)
  })

  it('shows prompts where the config asks for them, and still no secret', () => {
    const [line] = linesOf({ prompts: true }, { prompt: 'shown', token: 'hush' })
    expect(line).toMatchObject({ prompt: 'shown' })
    expect(line).not.toHaveProperty('token')
  })
})

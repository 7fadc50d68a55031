import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { LimitAsk, LimitGrant, LimitRecall } from '../../contract/ipc.ts'
import { createLimitHost } from './limit-host.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen limits '))
afterAll(() => rmSync(directory, { recursive: true }))

type Sent = { gateway: number; message: LimitGrant | LimitRecall }

function open(path: string) {
  const sent: Sent[] = []
  const host = createLimitHost({
    path,
    send: (gateway, message) => sent.push({ gateway, message }),
    nowMs: () => performance.timeOrigin + performance.now(),
  })
  return { host, sent }
}

const noUse = { requests: 0, tokens: 0, requestsOwed: 0, tokensOwed: 0, refunds: [] }
const ask = (number: number, requests: number): LimitAsk => ({
  type: 'limit-ask',
  ask: number,
  key: 'key_1',
  requestsPerMinute: 10,
  tokensPerMinute: null,
  requests,
  tokens: 0,
  requestsWanted: requests,
  tokensWanted: 0,
  use: noUse,
})

async function until(isTrue: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 10_000
  while (!isTrue()) {
    if (Date.now() > deadlineMs) throw new Error('still not so')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('createLimitHost', () => {
  it('answers a gateway, and another one once nobody can help any more', async () => {
    const { host, sent } = open(join(directory, 'a.json'))
    host.hear(0, ask(1, 10))
    expect(sent).toMatchObject([{ gateway: 0, message: { type: 'limit-grant', requests: 10 } }])
    host.hear(1, ask(2, 1))
    expect(sent[1]).toMatchObject({ gateway: 0, message: { type: 'limit-recall' } })
    // The first gateway never answers: time alone decides.
    await until(() => sent.length === 3)
    expect(sent[2]).toMatchObject({ gateway: 1, message: { type: 'limit-grant', requests: 0 } })
    host.close()
  })

  it('takes a gateway that has ended out of the reckoning', async () => {
    const { host, sent } = open(join(directory, 'b.json'))
    host.hear(0, ask(1, 10))
    host.leave(0)
    host.hear(1, ask(2, 1))
    await until(() => sent.length === 2)
    expect(sent[1]).toMatchObject({ gateway: 1, message: { requests: 0 } })
    host.close()
  })

  it('remembers what was used over a restart, and survives a file that was cut', () => {
    const path = join(directory, 'c.json')
    const first = open(path)
    first.host.hear(0, ask(1, 10))
    first.host.leave(0)
    first.host.close()
    expect(existsSync(path)).toBe(true)
    const second = open(path)
    second.host.hear(0, ask(1, 1))
    expect(second.sent).toMatchObject([{ message: { requests: 0 } }])
    second.host.close()

    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 20))
    const third = open(path)
    third.host.hear(0, ask(1, 1))
    expect(third.sent).toMatchObject([{ message: { requests: 1 } }])
    third.host.close()
  })
})

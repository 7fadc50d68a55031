import { expect, it } from 'vitest'
import type { Endpoint } from '../../contract/injection-spec.ts'
import { completeSpec } from '../policy/default-spec.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'
import { rehearse } from './rehearsal.ts'
import { createRunClock } from './run-clock.ts'

const nowhere = {
  address: '192.0.2.1',
  port: 1,
  host: 'nowhere',
  isTls: true,
  path: '/v1',
  headers: '',
}

async function rehearsed(endpoint: Endpoint, isStreaming: boolean): Promise<RequestRecord[]> {
  const records: RequestRecord[] = []
  await rehearse({
    spec: completeSpec({ endpoint, request: { isStreaming } }),
    target: nowhere,
    now: createRunClock(),
    requests: 40,
    lengthMsMax: 20_000,
    onRecord: (record) => records.push(record),
  })
  return records
}

// What it compiles is only then the way of a run.
it.each([
  ['chat', true],
  ['chat', false],
  ['completions', true],
  ['completions', false],
  ['responses', true],
  ['responses', false],
  ['embeddings', false],
] as const)('answers of %s, streamed %s, are good ones', async (endpoint, isStreaming) => {
  const records = await rehearsed(endpoint, isStreaming)
  expect(records).toHaveLength(40)
  for (const { outcome, contentMs, outputTokens } of records) {
    expect(outcome).toBe('ok')
    expect(contentMs).toHaveLength(isStreaming ? 16 : 0)
    expect(outputTokens).toBe(16)
  }
})

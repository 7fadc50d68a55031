import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deploymentSpec } from '../contract/deployment.ts'
import { findEngine } from '../engines/index.ts'
import { readMetricsOverHttp, warmOverHttp } from './probe.ts'

async function serverOf(answers: (path: string) => readonly [number, string]): Promise<string> {
  const server = createServer((request, response) => {
    const [status, body] = answers(request.url ?? '')
    response.writeHead(status).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('warming up', () => {
  const spec = deploymentSpec.parse({ name: 'ant', model: 'm', engine: 'external' })

  it.each([
    ['a token', 200, '{}', null],
    ['no such endpoint', 404, '{"detail":"Not Found"}', null],
    ['no such model', 404, '{"error":{"message":"The model `ant` does not exist."}}', /404.*`ant`/],
    ['a failure', 500, 'out of memory', /500: out of memory/],
  ])('takes %s for what it is', async (_, status, body, fault) => {
    const url = await serverOf(() => [status, body])
    const told = await warmOverHttp(url, spec)
    if (fault === null) expect(told).toBeNull()
    else expect(told).toMatch(fault)
  })
})

describe('metrics', () => {
  it('are read of all pages that answer, for the replicas that are meant', async () => {
    const page = (replica: string, running: number) =>
      [200, `ray_vllm_num_requests_running{ReplicaId="${replica}"} ${running}\n`] as const
    const urls = await Promise.all([
      serverOf(() => page('a', 2)),
      serverOf(() => page('b', 3)),
      serverOf(() => page('c', 5)),
      serverOf(() => [503, '']),
    ])
    const replicas = new Set(['a', 'b'])
    const signals = await readMetricsOverHttp(findEngine('ray'), { urls, replicas }, 5000)
    expect(signals?.running).toBe(5)
    expect(await readMetricsOverHttp(findEngine('ray'), { urls: urls.slice(3) }, 5000)).toBeNull()
  })
})

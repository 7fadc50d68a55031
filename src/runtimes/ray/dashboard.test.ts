import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connectDashboard } from './dashboard.ts'

describe('a dashboard of Ray', () => {
  const seen: IncomingHttpHeaders[] = []
  let answer: object = {}
  const server = createServer((request, response) => {
    seen.push(request.headers)
    response.end(JSON.stringify(answer))
  })
  beforeEach(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve))
  })
  const connect = () =>
    connectDashboard(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, 'secret')

  it('is not spoken to like a browser, whose changes it refuses', async () => {
    await connect().putServe({ applications: [] })
    const { authorization, ...headers } = seen.at(-1)!
    expect(authorization).toBeUndefined()
    expect(headers['x-ray-authorization']).toBe('Bearer secret')
    const names = Object.keys(headers).filter((name) => /^(sec-|origin|referer|access-)/.test(name))
    expect(names).toEqual([])
    expect(headers['user-agent'] ?? '').not.toMatch(/^Mozilla/)
  })

  it('has no applications where it has no Serve', async () => {
    answer = { controller_info: {}, applications: {} }
    expect((await connect().serve()).applications).toEqual({})
  })

  it('is not believed that all is gone when its controller does not answer', async () => {
    const dashboard = connect()
    answer = { controller_info: { actor_id: 'a' }, applications: {} }
    await dashboard.serve()
    answer = { controller_info: {}, applications: {} }
    await expect(dashboard.serve()).rejects.toMatchObject({ code: 'runtime/unreachable' })
  })
})

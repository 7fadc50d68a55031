import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { claimPort } from './port.ts'

describe('claimPort', () => {
  it('finds a free port, and leaves it free', async () => {
    const port = await claimPort('127.0.0.1', 0, 'gateway')
    expect(port).toBeGreaterThan(0)
    expect(await claimPort('127.0.0.1', port, 'gateway')).toBe(port)
  })

  it.each([true, false])('names the setting of a busy port (shared: %s)', async (reusePort) => {
    const server = createServer()
    await new Promise<void>((resolve) =>
      server.listen({ host: '127.0.0.1', port: 0, reusePort }, resolve),
    )
    const { port } = server.address() as AddressInfo
    await expect(claimPort('127.0.0.1', port, 'control')).rejects.toMatchObject({
      code: 'machine/port-busy',
      param: 'control.port',
      hint: expect.stringContaining('--control-port'),
    })
    server.close()
  })

  it('waits for one that is just being given up', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const claimed = claimPort('127.0.0.1', port, 'gateway')
    server.close()
    expect(await claimed).toBe(port)
  })

  it('names an address that is not this machine’s', async () => {
    await expect(claimPort('192.0.2.1', 0, 'gateway')).rejects.toMatchObject({
      code: 'config/invalid',
      param: 'gateway.host',
    })
  })
})

import { describe, expect, it } from 'vitest'
import { readEnvironment } from '../../server/environment.ts'
import { createOutput } from '../io.ts'
import { createServeAnnouncer } from './serve-announcer.ts'

const service = {
  gatewayUrl: 'http://127.0.0.1:8080',
  dataDirectory: '/data',
  gateways: 2,
  model: 'team/small',
}

function setUp(json: boolean) {
  let stdout = ''
  let stderr = ''
  const io = {
    environment: readEnvironment({}),
    workingDirectory: '/',
    stdin: process.stdin,
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    interrupt: new AbortController().signal,
    interruptAgain: new AbortController().signal,
  }
  const announcer = createServeAnnouncer(
    io,
    createOutput(io, { json, quiet: false, noColor: true }),
  )
  return { announcer, stdout: () => stdout, stderr: () => stderr }
}

describe('what serve says', () => {
  it('ends its first start with a key shown once and a line that works as pasted', () => {
    const { announcer, stdout, stderr } = setUp(false)
    announcer.hello('/data', null)
    announcer.progress('model', 'turning the model into GGUF, 40 %', false)
    announcer.progress('model', 'the model is ready', true)
    announcer.keyCreated('bln_0123456789abcdefghij')
    announcer.ready(service)
    expect(stderr()).toContain('✓ the model is ready')
    expect(stdout()).toMatch(/API key +bln_0123456789abcdefghij +shown only now/)
    const curl = /curl .*\\\n.*/.exec(stdout())?.[0] ?? ''
    expect(curl).toContain('Bearer bln_0123456789abcdefghij')
    const body = /-d '(.*)'/.exec(curl)?.[1] ?? ''
    expect(JSON.parse(body)).toMatchObject({ model: 'team/small' })
  })

  it('shows the key also where it is ended before it was up, and once', () => {
    const { announcer, stdout } = setUp(false)
    announcer.keyCreated('bln_0123456789abcdefghij')
    announcer.stopping('stopping the engines')
    announcer.stopping('stopping more')
    announcer.bye()
    expect(stdout().match(/bln_/g)).toHaveLength(1)
  })

  it('later names the variable and how to make a key', () => {
    const { announcer, stdout } = setUp(false)
    announcer.ready(service)
    expect(stdout()).toContain('Bearer $BALEEN_API_KEY')
    expect(stdout()).toContain('baleen key create')
    expect(stdout()).not.toContain('bln_')
  })

  it('asks for the models where none can be chatted with', () => {
    const { announcer, stdout } = setUp(false)
    announcer.ready({ ...service, model: null })
    expect(stdout()).toContain('curl http://127.0.0.1:8080/v1/models -H')
  })

  it('writes events for a program', () => {
    const { announcer, stdout, stderr } = setUp(true)
    announcer.hello('/data', '/c.yaml')
    announcer.progress('model', 'loading', false)
    announcer.trouble('gateway-0 ended')
    announcer.keyCreated('bln_0123456789abcdefghij')
    announcer.ready(service)
    announcer.stopping('x')
    announcer.bye()
    const events = stdout()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string })
    expect(events.map(({ event }) => event)).toEqual([
      'starting',
      'progress',
      'trouble',
      'key-created',
      'ready',
      'stopping',
      'stopped',
    ])
    expect(events[4]).toMatchObject(service)
    expect(stderr()).toBe('')
  })
})

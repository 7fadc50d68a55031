import { afterEach, expect, it } from 'vitest'
import { chat, chatPath, startGateway } from '../../test/support/gateway.ts'
import { silentLog } from '../core/log.ts'
import { startFakeEngine } from '../engines/fake/fake-engine.ts'

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close()
})

it('has prompts in the log where the config asks for them, cut to what is enough', async () => {
  const ant = await startFakeEngine()
  opened.push(ant)
  const said: object[] = []
  const log = { ...silentLog, info: (fields: object) => void said.push(fields) }
  const started = await startGateway({ routes: { ant: [ant.url] } }, { log })
  opened.push(started)
  const messages = [{ role: 'user', content: 'whale '.repeat(10_000) }]
  const response = await started.post(chatPath, chat({ messages }))
  const text = JSON.stringify(messages)
  expect(said).toEqual([
    {
      id: response.headers.get('x-request-id'),
      clientId: null,
      route: 'ant',
      prompt: text.slice(0, 16_384),
      length: text.length,
    },
  ])
})

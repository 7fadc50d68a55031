import { formatDurationMs } from '../../core/units.ts'
import type { Announcer, Service } from '../../server/supervisor/announcer.ts'
import type { Io, Output } from '../io.ts'
import { createProgress } from '../progress.ts'
import { version } from '../version.ts'

export interface ServeAnnouncer extends Announcer {
  hello(dataDirectory: string, configPath: string | null): void
  bye(): void
}

/** What `baleen serve` looks like: the address, the key and a line to paste on stdout, all else on stderr. */
export function createServeAnnouncer(io: Io, output: Output): ServeAnnouncer {
  return output.json ? createJsonAnnouncer(output) : createTextAnnouncer(io, output)
}

function createTextAnnouncer(io: Io, output: Output): ServeAnnouncer {
  const progress = createProgress(io, output)
  const { style, noteStyle } = output
  const startedAtMs = performance.now()
  let key: string | null = null

  return {
    hello(dataDirectory, configPath) {
      output.note(`${noteStyle('bold', `Baleen ${version()}`)}  ${noteStyle('dim', dataDirectory)}`)
      if (configPath !== null) output.note(noteStyle('dim', `config ${configPath}`))
      progress.update('start', 'starting')
    },
    progress(topic, text, isDone) {
      if (isDone) progress.done(topic, text)
      else progress.update(topic, text)
    },
    trouble(text) {
      progress.fail('trouble', text)
    },
    keyCreated(created) {
      key = created
    },
    ready(service) {
      progress.done('start', `ready after ${formatDurationMs(performance.now() - startedAtMs)}`)
      progress.clear()
      for (const line of banner(service, key)) output.line(line)
      key = null
    },
    stopping(text) {
      // A model that was being loaded will not be.
      progress.clear()
      // Ended before it was up: nobody would ever see the key that is in the store by now.
      if (key !== null) output.line(keyLine(key))
      key = null
      progress.update('stop', text)
    },
    bye() {
      progress.done('stop', 'stopped')
    },
  }

  function label(name: string): string {
    return style('dim', name.padEnd(9))
  }

  function keyLine(created: string): string {
    return `  ${label('API key')}${style('bold', created)}  ${style('yellow', 'shown only now: keep it')}`
  }

  function banner({ gatewayUrl, model }: Service, created: string | null): string[] {
    const lines = ['', `  ${label('URL')}${style('bold', `${gatewayUrl}/v1`)}`]
    if (created !== null) lines.push(keyLine(created))
    lines.push('', ...curl(gatewayUrl, model, created), '')
    if (created === null)
      lines.push(style('dim', '  `baleen key create` makes a key for BALEEN_API_KEY.'), '')
    return lines
  }
}

/** One JSON object an event, for whoever starts Baleen from a program. */
function createJsonAnnouncer(output: Output): ServeAnnouncer {
  const tell = (event: string, fields: object) =>
    output.line(JSON.stringify({ event, timeMs: Date.now(), ...fields }))
  return {
    hello: (dataDirectory, configPath) =>
      tell('starting', { version: version(), dataDirectory, configPath }),
    progress: (topic, text, isDone) => tell('progress', { topic, text, isDone }),
    trouble: (text) => tell('trouble', { text }),
    keyCreated: (key) => tell('key-created', { key }),
    ready: ({ gatewayUrl, dataDirectory, gateways, model }) =>
      tell('ready', { gatewayUrl, dataDirectory, gateways, model }),
    stopping: (text) => tell('stopping', { text }),
    bye: () => tell('stopped', {}),
  }
}

/** A line that works as pasted: while the model loads, the gateway holds the request. */
function curl(gatewayUrl: string, model: string | null, key: string | null): string[] {
  const authorization = `-H "Authorization: Bearer ${key ?? '$BALEEN_API_KEY'}"`
  if (model === null) return [`  curl ${gatewayUrl}/v1/models ${authorization}`]
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello!' }] })
  return [
    `  curl ${gatewayUrl}/v1/chat/completions ${authorization} \\`,
    `    -H 'Content-Type: application/json' -d '${body}'`,
  ]
}

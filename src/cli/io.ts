import { styleText } from 'node:util'
import type { Environment } from '../server/environment.ts'

/** The world of a command, handed in so that tests need no process. */
export interface Io {
  readonly environment: Environment
  readonly workingDirectory: string
  readonly stdin: Source
  /** Data and nothing else. */
  readonly stdout: Sink
  /** Everything else: progress, hints, errors. */
  readonly stderr: Sink
  /** Aborted by the first Ctrl-C or SIGTERM, `interruptAgain` by the second. */
  readonly interrupt: AbortSignal
  readonly interruptAgain: AbortSignal
}

interface Sink {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

type Source = NodeJS.ReadableStream & { readonly isTTY?: boolean }

/** Flags that every command has. */
export interface OutputOptions {
  readonly json: boolean
  readonly quiet: boolean
  readonly noColor: boolean
}

type Tint = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'
export type Style = (tint: Tint, text: string) => string

/** What commands write with. */
export interface Output {
  readonly json: boolean
  readonly isQuiet: boolean
  /** One line of data. */
  line(text: string): void
  /** One JSON value on a line of its own where `--json` is on, else the text. */
  data(value: unknown, text: () => string): void
  /** For the person, unless `--quiet`. */
  note(text: string): void
  /** Colours for stdout and for stderr. */
  readonly style: Style
  readonly noteStyle: Style
}

export function createOutput(io: Io, options: OutputOptions): Output {
  const styleFor = (sink: Sink): Style => {
    const isOn = !options.noColor && (io.environment.color ?? sink.isTTY ?? false)
    return (tint, text) => (isOn ? styleText(tint, text, { validateStream: false }) : text)
  }
  const line = (text: string) => void io.stdout.write(`${text}\n`)
  return {
    json: options.json,
    isQuiet: options.quiet,
    line,
    data(value, text) {
      const told = options.json ? JSON.stringify(value) : text()
      if (told !== '') line(told)
    },
    note(text) {
      if (!options.quiet) io.stderr.write(`${text}\n`)
    },
    style: styleFor(io.stdout),
    noteStyle: styleFor(io.stderr),
  }
}

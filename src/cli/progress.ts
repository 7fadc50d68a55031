import type { Io, Output } from './io.ts'

/** One line a step on stderr: rewritten in place on a terminal, told at its start and end elsewhere. */
export interface Progress {
  /** The phase is what stays while numbers and bars move. */
  update(topic: string, text: string, phase?: string): void
  /** Ends the topic's line with a mark. */
  done(topic: string, text: string): void
  fail(topic: string, text: string): void
  /** Forgets what is unfinished and clears its line, so that something else can be written. */
  clear(): void
}

export function createProgress(io: Io, output: Output): Progress {
  const { stderr } = io
  const isLive = stderr.isTTY === true && !output.isQuiet
  const style = output.noteStyle
  const lastTexts = new Map<string, string>()
  const open = new Map<string, string>()

  const erase = () => {
    if (isLive && open.size > 0) stderr.write('\r\x1b[K')
  }
  const draw = () => {
    if (!isLive || open.size === 0) return
    const line = [...open.values()].join('  ·  ')
    // A terminal that does not know its width says 0.
    const width = (stderr.columns || 80) - 3
    stderr.write(`\r\x1b[K${style('cyan', '…')} ${line.slice(0, width)}`)
  }
  const finish = (topic: string, mark: string, text: string) => {
    if (output.isQuiet) return
    erase()
    open.delete(topic)
    lastTexts.delete(topic)
    stderr.write(`${mark} ${text}\n`)
    draw()
  }
  return {
    update(topic, text, phase = text.replace(/[\d.,%]+/g, '#')) {
      if (output.isQuiet) return
      open.set(topic, text)
      draw()
      // A log file wants each phase once, not each per cent of it.
      if (!isLive && lastTexts.get(topic) !== phase) stderr.write(`… ${text}\n`)
      lastTexts.set(topic, phase)
    },
    done: (topic, text) => finish(topic, style('green', '✓'), text),
    fail: (topic, text) => finish(topic, style('red', '✗'), text),
    clear() {
      erase()
      open.clear()
    },
  }
}

import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'

/**
 * How a fault is mended, as data: it can be written down before the fault is made, and carried out by another process
 * when the one that made it is gone. What dies with its process by itself (load, held memory, an unlinked file) needs none.
 */
export type Undo =
  | { readonly kind: 'continue'; readonly pid: number; readonly startTime: string | null }
  | {
      readonly kind: 'limit'
      readonly pid: number
      readonly startTime: string | null
      readonly resource: 'nofile' | 'as'
      readonly soft: string
      readonly hard: string
    }
  /** Wall clock of the machine, moved by so much. */
  | { readonly kind: 'clock'; readonly byMs: number }
  /** Null: the file was not there. */
  | { readonly kind: 'file'; readonly path: string; readonly text: string | null }
  /** An interface that was taken down, with the routes that go when it does. */
  | {
      readonly kind: 'link'
      readonly netns: string | null
      readonly name: string
      readonly routes: readonly string[]
    }
  | { readonly kind: 'queue'; readonly netns: string | null; readonly name: string }
  /** A pod that a network policy has cut off. */
  | {
      readonly kind: 'policy'
      readonly kubeconfig: string | null
      readonly context: string | null
      readonly namespace: string
      readonly policy: string
      readonly pod: string
    }

const commandTimeoutMs = 10_000

/** Runs a tool of the system. Error: its own words. */
export function runTool(name: string, args: readonly string[]): string {
  try {
    return execFileSync(name, args, {
      encoding: 'utf8',
      timeout: commandTimeoutMs,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (thrown) {
    const { stderr, message } = thrown as { stderr?: string; message: string }
    throw new Error(`${name}: ${stderr?.trim() || message}`, { cause: thrown })
  }
}

export const ip = (netns: string | null, ...args: string[]): string =>
  runTool('ip', [...(netns === null ? [] : ['-n', netns]), ...args])

export const tc = (netns: string | null, ...args: string[]): string =>
  netns === null ? runTool('tc', args) : runTool('ip', ['netns', 'exec', netns, 'tc', ...args])

/** Mends; what is worth telling about it, or ''. */
export async function mend(undo: Undo): Promise<string> {
  switch (undo.kind) {
    case 'continue':
      if (startTimeOf(undo.pid) !== undo.startTime) return 'it was ended meanwhile'
      process.kill(undo.pid, 'SIGCONT')
      return ''
    case 'limit':
      if (startTimeOf(undo.pid) !== undo.startTime) return 'it was ended meanwhile'
      setLimit(undo.pid, undo.resource, undo.soft, undo.hard)
      return ''
    case 'clock':
      moveClock(-undo.byMs)
      return ''
    case 'file':
      if (undo.text === null) rmSync(undo.path, { force: true })
      else writeFileSync(undo.path, undo.text)
      return ''
    case 'link': {
      ip(undo.netns, 'link', 'set', undo.name, 'up')
      const lost = undo.routes.filter((route) => !addRoute(undo.netns, undo.name, route))
      return lost.length === 0 ? '' : `routes that did not come back: ${lost.join('; ')}`
    }
    case 'queue':
      tc(undo.netns, 'qdisc', 'del', 'dev', undo.name, 'root')
      return ''
    case 'policy':
      return (await import('./pod-fault.ts')).mendPolicy(undo)
  }
}

export const setLimit = (pid: number, resource: string, soft: string, hard: string): string =>
  runTool('prlimit', ['--pid', String(pid), `--${resource}=${soft}:${hard}`])

/** Steps the clock: an exact time would be late by what the tool takes to start. */
export function moveClock(byMs: number): void {
  runTool('date', ['-s', `@${((Date.now() + byMs) / 1000).toFixed(3)}`])
}

/** Tells a process from a later one with the same pid. Null: there is none, or this system does not tell. */
export function startTimeOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    // A zombie has ended, whatever its parent is about.
    return fields[0] === 'Z' ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}

/** The kernel gives back its own routes as soon as the link is up; the others have to be set. */
function addRoute(netns: string | null, name: string, route: string): boolean {
  try {
    ip(netns, 'route', 'replace', ...route.split(' ').filter(Boolean), 'dev', name)
    return true
  } catch {
    return false
  }
}

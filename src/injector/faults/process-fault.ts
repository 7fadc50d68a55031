import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  statfsSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { FaultAction, ProcessChoice } from '../../contract/fault.ts'
import { ip, mend, moveClock, runTool, setLimit, startTimeOf, tc, type Undo } from './undo.ts'

/** A fault that was made. */
export interface MadeFault {
  /** Mends it; what is worth telling, or ''. */
  end(): string | Promise<string>
}

/** An action whose process has been looked up. */
export type ReadyAction = Ready<FaultAction>
type Ready<A> = A extends { pid?: number | undefined }
  ? Omit<A, keyof ProcessChoice> & { pid: number }
  : A

/** Makes a fault of processes, machine, network or cluster. `note` is called with what will mend it before it is made. */
export async function makeFault(
  action: ReadyAction,
  note: (undo: Undo) => void,
): Promise<MadeFault> {
  const planned = (...undos: Undo[]): MadeFault => {
    for (const undo of undos) note(undo)
    return {
      end: async () => (await Promise.all(undos.map(mend))).filter(Boolean).join('; '),
    }
  }
  switch (action.kind) {
    case 'kill':
      process.kill(action.pid, 'SIGKILL')
      return told('ended for good: whoever supervises it has to start it again')
    case 'terminate':
      process.kill(action.pid, 'SIGTERM')
      return told('asked to end: whoever supervises it has to start it again')
    case 'stop': {
      const made = planned(continuing(action.pid))
      process.kill(action.pid, 'SIGSTOP')
      return made
    }
    case 'slow':
      return slowDown(action.pid, action.share, planned(continuing(action.pid)))
    case 'kill-pod':
      return (await import('./pod-fault.ts')).killPod(action)
    case 'cut-pod':
      return (await import('./pod-fault.ts')).cutPod(action, note)
    case 'hog-cpu': {
      const workers = Array.from(
        { length: action.cores },
        () => new Worker('for (;;) Math.sqrt(Math.random())', { eval: true }),
      )
      return { end: () => (workers.forEach((worker) => void worker.terminate()), '') }
    }
    case 'hog-memory': {
      const held = Array.from({ length: Math.ceil(action.bytes / blockBytes) }, (_, index) =>
        Buffer.alloc(Math.min(blockBytes, action.bytes - index * blockBytes), 1),
      )
      return { end: () => ((held.length = 0), '') }
    }
    case 'fill-disk':
      return fillDisk(action.path, action.leaveBytes)
    case 'limit-files':
    case 'limit-memory': {
      const resource = action.kind === 'limit-files' ? 'nofile' : 'as'
      const most = action.kind === 'limit-files' ? action.files : action.bytes
      const [soft = '', hard = ''] = runTool('prlimit', [
        '--pid',
        String(action.pid),
        `--${resource}`,
        '--noheadings',
        '--raw',
        '--output',
        'SOFT,HARD',
      ])
        .trim()
        .split(/\s+/)
      const startTime = startTimeOf(action.pid)
      const made = planned({ kind: 'limit', pid: action.pid, startTime, resource, soft, hard })
      setLimit(action.pid, resource, String(most), hard)
      return made
    }
    case 'skew': {
      const { byMs, file } = action
      if (file === null) {
        const made = planned({ kind: 'clock', byMs })
        moveClock(byMs)
        return made
      }
      const text = existsSync(file) ? readFileSync(file, 'utf8') : null
      const made = planned({ kind: 'file', path: file, text })
      writeFileSync(file, `${byMs >= 0 ? '+' : ''}${byMs / 1000}\n`)
      return made
    }
    case 'cut-path':
    case 'cut-node': {
      const { netns } = action
      const names = action.kind === 'cut-path' ? [action.interface] : interfacesOf(action.netns)
      const made = planned(
        ...names.map((name): Undo => ({
          kind: 'link',
          netns,
          name,
          routes: routesOf(netns, name),
        })),
      )
      for (const name of names) ip(netns, 'link', 'set', name, 'down')
      return made
    }
    case 'degrade-path': {
      const { netns, interface: name, delayMs, jitterMs, lossShare, bytesPerS } = action
      const present = tc(netns, 'qdisc', 'show', 'dev', name)
      if (/\b(netem|tbf|htb|prio)\b.* root/.test(present))
        throw new Error(`${name} has a queue of its own already: ${present.trim()}`)
      const made = planned({ kind: 'queue', netns, name })
      const queue =
        delayMs === 0 && lossShare === 0 && bytesPerS !== null
          ? ['tbf', 'rate', `${bytesPerS * 8}bit`, 'burst', '16k', 'latency', '400ms']
          : [
              'netem',
              ...(delayMs > 0 ? ['delay', `${delayMs}ms`, `${jitterMs}ms`] : []),
              ...(lossShare > 0 ? ['loss', `${lossShare * 100}%`] : []),
              ...(bytesPerS === null ? [] : ['rate', `${bytesPerS * 8}bit`]),
            ]
      tc(netns, 'qdisc', 'replace', 'dev', name, 'root', ...queue)
      return made
    }
    default:
      throw new Error(`${action.kind} is a fault of connections`)
  }
}

const blockBytes = 64 * 2 ** 20
/** Of a process that is slowed: it runs for its share of every such time. */
const periodMs = 100

const told = (text: string): MadeFault => ({ end: () => text })

const continuing = (pid: number): Undo => ({
  kind: 'continue',
  pid,
  startTime: startTimeOf(pid),
})

function slowDown(pid: number, share: number, made: MadeFault): MadeFault {
  const signal = (name: 'SIGSTOP' | 'SIGCONT') => {
    try {
      process.kill(pid, name)
    } catch {
      clearInterval(timer)
    }
  }
  process.kill(pid, 0)
  const beat = () => {
    signal('SIGSTOP')
    setTimeout(() => signal('SIGCONT'), periodMs * (1 - share))
  }
  const timer = setInterval(beat, periodMs)
  beat()
  return {
    end() {
      clearInterval(timer)
      return made.end()
    },
  }
}

/** Into a file without a name: whatever ends this process gives the space back. */
function fillDisk(folder: string, leaveBytes: number): MadeFault {
  const { bavail, bsize } = statfsSync(folder)
  const bytes = bavail * bsize - leaveBytes
  const path = join(folder, `.baleen-fill-${process.pid}-${Date.now()}`)
  const file = openSync(path, 'wx', 0o600)
  unlinkSync(path)
  try {
    if (bytes > 0) runTool('fallocate', ['-l', String(bytes), `/proc/${process.pid}/fd/${file}`])
  } catch (thrown) {
    closeSync(file)
    throw thrown
  }
  return { end: () => (closeSync(file), bytes > 0 ? '' : 'it was as full before') }
}

function interfacesOf(netns: string): string[] {
  const links = JSON.parse(ip(netns, '-j', 'link', 'show')) as { ifname: string; flags: string[] }[]
  return links
    .filter(({ flags }) => !flags.includes('LOOPBACK') && flags.includes('UP'))
    .map(({ ifname }) => ifname)
}

/** Those that the kernel does not make itself. */
const routesOf = (netns: string | null, name: string): string[] =>
  ip(netns, 'route', 'show', 'dev', name)
    .split('\n')
    .map((line) => line.replace(/\blinkdown\b/, '').trim())
    .filter((line) => line !== '' && !line.includes('proto kernel'))

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { dataVariable, replicaVariable } from '../../contract/boot.ts'
import type { ReplicaIdentity } from '../runtime.ts'

/** What a replica carries in its environment: whoever finds the process knows all about it. */
export interface CarriedIdentity extends ReplicaIdentity {
  readonly startedAtMs: number
  readonly node: string
  /** Where it listens. */
  readonly host: string
  /** Ids of those it was given. */
  readonly devices: readonly string[]
}

export interface ReplicaProcess {
  readonly pid: number
  /** With the pid it names one process for good. */
  readonly startTime: string
  /** The process that the runtime started; the others are its descendants, who inherit the environment. */
  readonly isLeader: boolean
  readonly identity: CarriedIdentity
}

/** Null: there is no such process, or it has ended and only waits to be reaped. */
export function startTimeOf(pid: number): string | null {
  if (process.platform === 'linux') return readStat(pid)?.startTime ?? null
  return ps(['-o', 'lstart=', '-p', String(pid)]).trim() || null
}

export const isRunning = (found: Pick<ReplicaProcess, 'pid' | 'startTime'>): boolean =>
  startTimeOf(found.pid) === found.startTime

/** All processes of the replicas of a data directory that belong to this user. */
export function createReplicaFinder(dataDirectory: string): () => readonly ReplicaProcess[] {
  if (process.platform !== 'linux')
    return () =>
      parseProcessList(ps(['-axeww', '-o', 'pid=,pgid=,lstart=,command=']), dataDirectory)
  let strangers = new Set<number>()
  let calls = 0
  return () => {
    // Environments of strangers are read again now and then only: a pid can be given away anew.
    if (calls++ % callsBetweenFullScans === 0) strangers = new Set()
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && pid !== process.pid && !strangers.has(pid))
      .flatMap((pid) => {
        const found = readReplica(pid, dataDirectory)
        if (!found) strangers.add(pid)
        return found ?? []
      })
  }
}

/** Reads what `ps -axeww -o pid=,pgid=,lstart=,command=` prints: the environment follows the command. */
export function parseProcessList(text: string, dataDirectory: string): readonly ReplicaProcess[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\w+ +\w+ +\w+ +[\d:]+ +\d+) (.*)$/.exec(line)
    const carried = / BALEEN_REPLICA=(\{[^ ]*\})(?: |$)/.exec(line)?.[1]
    if (!match || !carried || !`${line} `.includes(` ${dataVariable}=${dataDirectory} `)) return []
    const identity = parseIdentity(carried)
    if (!identity) return []
    const [pid, group, startTime] = [Number(match[1]), Number(match[2]), match[3] ?? '']
    return [{ pid, startTime, isLeader: pid === group, identity }]
  })
}

const callsBetweenFullScans = 20

function readReplica(pid: number, dataDirectory: string): ReplicaProcess | null {
  let environment: string
  try {
    environment = `\0${readFileSync(`/proc/${pid}/environ`, 'utf8')}`
  } catch {
    return null // ended meanwhile, or somebody else's
  }
  const identity = parseIdentity(valueOf(environment, replicaVariable))
  const stat = identity && readStat(pid)
  if (!stat || valueOf(environment, dataVariable) !== dataDirectory || !isOurs(pid)) return null
  return { pid, startTime: stat.startTime, isLeader: stat.group === pid, identity }
}

/** Root can read the environment of anybody, who may have written into it what he likes. */
function isOurs(pid: number): boolean {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === process.getuid?.()
}

function valueOf(environment: string, name: string): string | undefined {
  const start = environment.indexOf(`\0${name}=`)
  if (start < 0) return undefined
  const from = start + name.length + 2
  const end = environment.indexOf('\0', from)
  return environment.slice(from, end < 0 ? undefined : end)
}

function readStat(pid: number): { group: number; startTime: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold blanks and brackets itself: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const hasEnded = fields[0] === 'Z' || fields[0] === 'X'
    return hasEnded ? null : { group: Number(fields[2]), startTime: fields[19] ?? '' }
  } catch {
    return null
  }
}

/** What replicas carry that an older Baleen started. */
const beforeNodes = { node: hostname(), host: '127.0.0.1', devices: [] }

function parseIdentity(text: string | undefined): CarriedIdentity | null {
  if (!text) return null
  try {
    return { ...beforeNodes, ...(JSON.parse(text) as CarriedIdentity) }
  } catch {
    return null
  }
}

function ps(argv: readonly string[]): string {
  try {
    return execFileSync('ps', argv, {
      encoding: 'utf8',
      timeout: 5000,
      maxBuffer: 2 ** 26,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    return ''
  }
}

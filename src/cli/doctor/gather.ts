import {
  accessSync,
  constants,
  existsSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { findPackageJSON } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import type { Config } from '../../contract/config.ts'
import { freeBytesOf } from '../../server/data-directory.ts'
import type { Environment } from '../../server/environment.ts'
import { findProcesses } from '../../server/process-table.ts'
import { claimPort } from '../../server/supervisor/port.ts'
import { readRecord } from '../connection.ts'
import type { Facts } from './facts.ts'

export interface Place {
  readonly dataDirectory: string
  readonly config: Config
  readonly configPath: string | null
  readonly configTrouble: string | null
  readonly environment: Environment
}

export async function gatherFacts(place: Place): Promise<Facts> {
  const { config, dataDirectory: chosen } = place
  const existing = nearestExisting(chosen)
  const path = existing === chosen ? realpathSync(chosen) : chosen
  const [, trouble] = attempt(() => accessSync(existing, constants.W_OK | constants.X_OK))
  const serving = readRecord(path, 'supervisor')
  const modelDirectory = config.models.directory ?? join(path, 'models')
  return {
    node: { version: process.versions.node, path: process.execPath },
    data: { path, trouble, freeBytes: attempt(() => freeBytesOf(existing))[0] },
    config: { path: place.configPath, trouble: place.configTrouble },
    serving,
    ports: serving ? [] : await Promise.all([lookAt('gateway', config), lookAt('control', config)]),
    stale: serving ? [] : findProcesses(path),
    memory: {
      availableBytes: process.availableMemory(),
      limitBytes: groupLimit('memory.max'),
      modelBytes: largestModel(modelDirectory),
    },
    cpu: { cores: availableParallelism(), quotaCores: cpuQuota(), flags: cpuFlags() },
    gpu: gpuFacts(),
    fileDescriptors: fileDescriptorLimit(),
    clock: { nowMs: Date.now(), newestFileMs: newestFile(path) },
  }
}

/** A data directory that is not there yet is made inside of the first directory above it that is. */
function nearestExisting(path: string): string {
  const parent = dirname(path)
  return existsSync(path) || parent === path ? path : nearestExisting(parent)
}

function attempt<T>(act: () => T): [T, null] | [null, string] {
  try {
    return [act(), null]
  } catch (thrown) {
    return [null, (thrown as Error).message]
  }
}

async function lookAt(name: 'gateway' | 'control', config: Config) {
  const { host, port } = config[name]
  const trouble = await claimPort(host, port, name).then(
    () => null,
    (thrown: unknown) => (thrown instanceof AppError ? thrown.message : String(thrown)),
  )
  return { name, port, trouble }
}

const read = (path: string): string | null => attempt(() => readFileSync(path, 'utf8'))[0]

/** A number of bytes; Linux writes `max`, or something absurd, where there is no limit. */
function groupLimit(file: string): number | null {
  const text = read(`/sys/fs/cgroup/${file}`) ?? read('/sys/fs/cgroup/memory/memory.limit_in_bytes')
  const bytes = Number(text?.trim() ?? Number.NaN)
  return Number.isFinite(bytes) && bytes < 2 ** 60 ? bytes : null
}

function cpuQuota(): number | null {
  const [quota, period] = (read('/sys/fs/cgroup/cpu.max') ?? 'max 1').trim().split(' ').map(Number)
  return quota !== undefined && period && Number.isFinite(quota) ? quota / period : null
}

function cpuFlags(): ReadonlySet<string> | null {
  const line = /^(?:flags|Features)\s*:\s*(.+)$/m.exec(read('/proc/cpuinfo') ?? '')?.[1]
  return line === undefined ? null : new Set(line.split(' '))
}

function gpuFacts(): Facts['gpu'] {
  const hasNvidia = existsSync('/dev/nvidiactl') || existsSync('/proc/driver/nvidia/version')
  const name = `@node-llama-cpp/${process.platform}-${process.arch}-cuda`
  return {
    kind: hasNvidia ? 'cuda' : null,
    package: `${name}@${packageField('node-llama-cpp', 'version') ?? 'latest'}`,
    // By default npm puts another, empty package in its place.
    isInstalled: packageField(name, 'name') === name,
  }
}

function packageField(name: string, field: 'name' | 'version'): string | null {
  return attempt(() => {
    const path = findPackageJSON(name, import.meta.url)
    const content = JSON.parse(readFileSync(path ?? '', 'utf8')) as Record<string, string>
    return content[field] ?? null
  })[0]
}

function fileDescriptorLimit(): number | null {
  const limit = /^Max open files\s+(\d+)/m.exec(read('/proc/self/limits') ?? '')?.[1]
  return limit === undefined ? null : Number(limit)
}

function filesIn(directory: string): { name: string; bytes: number; changedMs: number }[] {
  const names = attempt(() => readdirSync(directory))[0] ?? []
  return names.flatMap((name) => {
    const stat = attempt(() => statSync(join(directory, name)))[0]
    return stat?.isFile() ? [{ name, bytes: stat.size, changedMs: stat.mtimeMs }] : []
  })
}

function largestModel(directory: string): number | null {
  const models = filesIn(directory).filter(({ name }) => name.endsWith('.gguf'))
  return models.length === 0 ? null : Math.max(...models.map(({ bytes }) => bytes))
}

function newestFile(directory: string): number | null {
  const times = ['.', 'run', 'logs', 'journal']
    .flatMap((folder) => filesIn(join(directory, folder)))
    .map(({ changedMs }) => changedMs)
  return times.length === 0 ? null : Math.max(...times)
}

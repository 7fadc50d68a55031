import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Keeps a replica to its memory: a cgroup where this user may make one, else a limit of its data segment. */
export interface MemoryBounds {
  /** The command that joins the bound and becomes what was asked for: the process keeps its id. */
  wrap(id: string, argv: readonly string[], bytes: number | null): readonly string[]
  /** After its end. */
  release(id: string): void
  readonly kind: 'cgroup' | 'ulimit'
}

const root = '/sys/fs/cgroup'

export function createMemoryBounds(cgroupRoot: string = root): MemoryBounds {
  const parent = join(cgroupRoot, 'baleen')
  const kind = canMakeGroups(cgroupRoot) ? 'cgroup' : 'ulimit'
  const groupOf = (id: string): string => join(parent, id)
  return {
    kind,
    wrap(id, argv, bytes) {
      if (bytes === null) return argv
      if (kind === 'cgroup')
        try {
          makeGroup(parent, groupOf(id), bytes)
          return shell('echo $$ > "$0/cgroup.procs" && exec "$@"', groupOf(id), argv)
        } catch {
          // Not ours to make after all: the other way.
        }
      return shell('ulimit -d "$0" && exec "$@"', String(Math.ceil(bytes / 1024)), argv)
    },
    release(id) {
      if (kind === 'cgroup')
        try {
          rmdirSync(groupOf(id))
        } catch {
          // It never had one, or a process of it is not quite gone: an empty group costs nothing.
        }
    },
  }
}

const shell = (script: string, first: string, argv: readonly string[]): readonly string[] => [
  '/bin/sh',
  '-c',
  script,
  first,
  ...argv,
]

/** Version 2 of cgroups with its memory controller, writable. */
function canMakeGroups(cgroupRoot: string): boolean {
  try {
    accessSync(join(cgroupRoot, 'cgroup.procs'), constants.W_OK)
    return readFileSync(join(cgroupRoot, 'cgroup.controllers'), 'utf8')
      .split(/\s/)
      .includes('memory')
  } catch {
    return false
  }
}

function makeGroup(parent: string, group: string, bytes: number): void {
  mkdirSync(group, { recursive: true })
  for (const above of [join(parent, '..'), parent])
    writeFileSync(join(above, 'cgroup.subtree_control'), '+memory')
  writeFileSync(join(group, 'memory.max'), String(bytes))
  // An engine that swaps is slower than one that is started again elsewhere.
  writeIfThere(join(group, 'memory.swap.max'), '0')
  writeIfThere(join(group, 'memory.oom.group'), '1')
}

function writeIfThere(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch {
    // Kernels without it.
  }
}

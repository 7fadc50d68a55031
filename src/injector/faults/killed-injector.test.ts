import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mendLeftFaults } from './open-faults.ts'

// Processes and sockets: on a machine that is busy with other tests they take their time.

/** A fault made by an injector that is then killed, and what shows that it stands. */
interface Case {
  readonly name: string
  readonly action: (place: Place) => object
  readonly stands: (place: Place) => boolean
}

interface Place {
  readonly folder: string
  readonly pid: number
}

const netns = `bln${process.pid}`
const run = (...argv: string[]) =>
  execFileSync(argv[0]!, argv.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
const canMakeNetworks = (() => {
  try {
    run('ip', 'netns', 'add', netns)
    run('ip', 'netns', 'del', netns)
    return true
  } catch {
    return false
  }
})()

const stateOf = (pid: number) =>
  /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? ''
const softLimit = (pid: number, resource: string) =>
  run(
    'prlimit',
    '--pid',
    String(pid),
    `--${resource}`,
    '--noheadings',
    '--raw',
    '--output',
    'SOFT',
  ).trim()
const keepersOf = (folder: string) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => commandOf(pid).includes(`fault-keeper.ts\0${folder}`))
const commandOf = (pid: string) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
const linkIsUp = () => run('ip', '-n', netns, 'link', 'show', 'inner').includes('state UP')
const defaultRoute = () =>
  run('ip', '-n', netns, 'route', 'show', 'default').includes('via 10.213.7.1')

const cases: Case[] = [
  {
    name: 'stop',
    action: ({ pid }) => ({ kind: 'stop', pid }),
    stands: ({ pid }) => stateOf(pid) === 'T',
  },
  {
    name: 'slow',
    action: ({ pid }) => ({ kind: 'slow', pid, share: 0.05 }),
    stands: ({ pid }) => stateOf(pid) === 'T',
  },
  {
    name: 'limit-files',
    action: ({ pid }) => ({ kind: 'limit-files', pid, files: 3 }),
    stands: ({ pid }) => softLimit(pid, 'nofile') === '3',
  },
  {
    name: 'limit-memory',
    action: ({ pid }) => ({ kind: 'limit-memory', pid, bytes: 4096 }),
    stands: ({ pid }) => softLimit(pid, 'as') === '4096',
  },
  {
    name: 'hog-cpu',
    action: () => ({ kind: 'hog-cpu', cores: 1 }),
    stands: ({ folder }) => keepersOf(folder).length > 0,
  },
  {
    name: 'hog-memory',
    action: () => ({ kind: 'hog-memory', bytes: 2 ** 26 }),
    stands: ({ folder }) => keepersOf(folder).length > 0,
  },
  {
    name: 'skew',
    action: ({ folder }) => ({ kind: 'skew', byMs: 90_000, file: join(folder, 'faketime') }),
    stands: ({ folder }) => readText(join(folder, 'faketime')) === '+90\n',
  },
  ...(canMakeNetworks
    ? [
        {
          name: 'cut-path',
          action: () => ({ kind: 'cut-path', interface: 'inner', netns }),
          stands: () => !linkIsUp(),
        },
        {
          name: 'cut-node',
          action: () => ({ kind: 'cut-node', netns }),
          stands: () => !defaultRoute(),
        },
        {
          name: 'degrade-path',
          action: () => ({
            kind: 'degrade-path',
            interface: 'inner',
            netns,
            delayMs: 0,
            jitterMs: 0,
            lossShare: 0,
            bytesPerS: 10_000,
          }),
          stands: () =>
            run('ip', 'netns', 'exec', netns, 'tc', 'qdisc', 'show', 'dev', 'inner').includes(
              'tbf',
            ),
        },
      ]
    : []),
]

describe.skipIf(process.platform !== 'linux')('when the injector is killed', () => {
  let folder: string
  let victim: ChildProcess
  const others: ChildProcess[] = []
  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'baleen-killed-')), 'run')
    mkdirSync(folder)
    victim = spawn('sleep', ['600'])
    if (!canMakeNetworks) return
    run('ip', 'netns', 'add', netns)
    run(
      'ip',
      'link',
      'add',
      `o${process.pid}`,
      'type',
      'veth',
      'peer',
      'name',
      'inner',
      'netns',
      netns,
    )
    run('ip', 'link', 'set', `o${process.pid}`, 'up')
    run('ip', '-n', netns, 'address', 'add', '10.213.7.2/24', 'dev', 'inner')
    run('ip', '-n', netns, 'link', 'set', 'inner', 'up')
    run('ip', '-n', netns, 'route', 'add', 'default', 'via', '10.213.7.1')
  })
  afterEach(() => {
    for (const child of [victim, ...others.splice(0)]) child.kill('SIGKILL')
    // The link by name: the kernel takes its time over the one in a namespace that is gone.
    if (canMakeNetworks) run('ip', 'link', 'del', `o${process.pid}`)
    if (canMakeNetworks) run('ip', 'netns', 'del', netns)
    rmSync(join(folder, '..'), { recursive: true })
  })

  function injector(action: object): ChildProcess {
    const script = `
      const { startKeeper } = await import(${JSON.stringify(join(import.meta.dirname, 'keeper-client.ts'))})
      console.error(JSON.stringify(await startKeeper(${JSON.stringify(folder)}).apply(0, ${JSON.stringify(action)}, 600_000)))
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    others.push(child)
    return child
  }

  it.each(cases)('$name is undone', async ({ action, stands }) => {
    const place = { folder, pid: victim.pid! }
    const child = injector(action(place))
    await until(() => stands(place))
    child.kill('SIGKILL')
    await until(() => !stands(place) && keepersOf(folder).length === 0)
    expect(existsSync(join(folder, 'open-faults.json'))).toBe(false)
    if (canMakeNetworks) expect([linkIsUp(), defaultRoute()]).toEqual([true, true])
  })

  it('what a killed keeper leaves is mended by the next run', async () => {
    const child = injector({ kind: 'stop', pid: victim.pid })
    await until(() => stateOf(victim.pid!) === 'T')
    const [keeper] = keepersOf(folder)
    process.kill(Number(keeper), 'SIGKILL')
    child.kill('SIGKILL')
    await until(() => keepersOf(folder).length === 0)
    expect(stateOf(victim.pid!)).toBe('T')
    // A process that is ending still counts as one for a moment.
    let told: string[] = []
    await until(async () => (told = await mendLeftFaults(join(folder, '..'))).length > 0)
    expect(told).toEqual(['continue of run run: mended'])
    await until(() => stateOf(victim.pid!) === 'S')
    expect(await mendLeftFaults(join(folder, '..'))).toEqual([])
  })
})

describe('a full disk', () => {
  it('is full, and has its space back when the keeper is gone', async () => {
    // A file system of its own, so that nobody else runs out of space.
    const mount = mkdtempSync(join(tmpdir(), 'baleen-full-'))
    try {
      run('mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', mount)
    } catch {
      rmSync(mount, { recursive: true })
      return
    }
    try {
      const { makeFault } = await import('./process-fault.ts')
      const fault = await makeFault({ kind: 'fill-disk', path: mount, leaveBytes: 4096 }, () => {})
      expect(() => writeFileSync(join(mount, 'x'), Buffer.alloc(65_536))).toThrow(/ENOSPC/)
      expect(await fault.end()).toBe('')
      writeFileSync(join(mount, 'x'), Buffer.alloc(65_536))
    } finally {
      run('umount', mount)
      rmSync(mount, { recursive: true })
    }
  })
})

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

async function until(holds: () => boolean | Promise<boolean>, deadlineMs = 60_000): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error('it never came to that')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

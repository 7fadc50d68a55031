import { freeBytesMin } from '../../server/data-directory.ts'
import { formatBytes } from '../../core/units.ts'
import type { Facts } from './facts.ts'

export interface Finding {
  readonly check: string
  readonly verdict: 'ok' | 'warn' | 'fail'
  readonly text: string
  /** What to do about it. Null where nothing is wrong. */
  readonly mend: string | null
}

/** Room for the bundled models, a database that grows, and logs. */
const freeBytesComfort = 2 * 2 ** 30
/** One connection in, one out, for some thousand requests at once. */
const fileDescriptorsMin = 4096
/** Beyond the file: the cache of the sequences, and the engine itself. */
const modelMemoryFactor = 1.3
/** When this was written: an earlier clock is wrong for certain. */
const earliestNowMs = Date.UTC(2026, 10, 1)
const clockSlackMs = 120_000

export const judge = (facts: Facts): readonly Finding[] =>
  [
    judgeNode,
    judgeConfig,
    judgeData,
    judgePorts,
    judgeStale,
    judgeMemory,
    judgeCpu,
    judgeGpu,
    judgeFileDescriptors,
    judgeClock,
  ].flatMap((judgeOne) => judgeOne(facts))

const ok = (check: string, text: string): Finding => ({ check, verdict: 'ok', text, mend: null })
const warn = (check: string, text: string, mend: string): Finding => ({
  check,
  verdict: 'warn',
  text,
  mend,
})
const fail = (check: string, text: string, mend: string): Finding => ({
  check,
  verdict: 'fail',
  text,
  mend,
})

function judgeNode({ node }: Facts): Finding {
  const text = `Node ${node.version} (${node.path})`
  return Number(node.version.split('.')[0]) >= 24
    ? ok('node', text)
    : fail('node', `${text} is too old`, '`npm start` brings Node 24; `bin/baleen` uses it.')
}

function judgeConfig({ config }: Facts): Finding {
  if (config.trouble !== null)
    return fail('config', config.trouble, 'config.example.yaml shows every setting.')
  return ok('config', config.path ?? 'no file, all defaults')
}

function judgeData({ data }: Facts): Finding {
  if (data.trouble !== null)
    return fail('data', data.trouble, 'Choose a directory that you may write to with --data.')
  const free = data.freeBytes ?? Number.POSITIVE_INFINITY
  const text = `${data.path}, ${Number.isFinite(free) ? formatBytes(free) : 'unknown space'} free`
  const mend = 'Free space there, or move the data with --data and models.directory.'
  if (free < freeBytesMin) return fail('data', text, mend)
  return free < freeBytesComfort ? warn('data', text, mend) : ok('data', text)
}

function judgePorts({ ports, serving }: Facts): Finding[] {
  if (serving) return [ok('serve', `running as process ${serving.pid} at ${serving.url}`)]
  return ports.map(({ name, port, trouble }) => {
    const check = `${name} port`
    if (trouble === null) return ok(check, port === 0 ? 'any free one' : `${port} is free`)
    const flag = name === 'gateway' ? '--port' : '--control-port'
    return fail(check, `${port}: ${trouble}`, `Stop it, or choose another with ${flag}.`)
  })
}

function judgeStale({ stale, serving }: Facts): Finding {
  if (serving || stale.length === 0) return ok('processes', 'nothing left over')
  const list = stale.map(({ role, pid }) => `${role} ${pid}`).join(', ')
  return warn(
    'processes',
    `left over from an earlier run: ${list}`,
    '`baleen serve` adopts the engines and ends the rest; `kill` ends them without it.',
  )
}

function judgeMemory({ memory }: Facts): Finding {
  const { availableBytes, limitBytes, modelBytes } = memory
  const usable = Math.min(availableBytes, limitBytes ?? Number.POSITIVE_INFINITY)
  const limit =
    limitBytes === null ? '' : ` (limit of the control group ${formatBytes(limitBytes)})`
  const text = `${formatBytes(usable)} available${limit}`
  if (modelBytes === null || modelBytes * modelMemoryFactor <= usable) return ok('memory', text)
  return warn(
    'memory',
    `${text}; the largest model here is ${formatBytes(modelBytes)}`,
    'Deploy a smaller model or a stronger quantisation, or raise the limit.',
  )
}

function judgeCpu({ cpu }: Facts): Finding {
  const quota = cpu.quotaCores === null ? '' : `, ${cpu.quotaCores.toFixed(1)} of them allowed`
  const text = `${cpu.cores} cores${quota}`
  const { flags } = cpu
  if (flags && !flags.has('avx2') && !flags.has('asimd'))
    return warn('cpu', `${text}, without AVX2`, 'Expect a fraction of the usual speed.')
  const special = ['amx_int8', 'avx512f', 'avx2', 'asimd'].find((flag) => flags?.has(flag))
  return ok('cpu', special === undefined ? text : `${text}, ${special}`)
}

function judgeGpu({ gpu }: Facts): Finding {
  if (gpu.kind === null) return ok('gpu', 'none found, the CPU is used')
  if (gpu.isInstalled) return ok('gpu', `${gpu.kind} found, and the package for it`)
  return warn(
    'gpu',
    `${gpu.kind} found, but ${gpu.package} is not installed`,
    `BALEEN_GPU=${gpu.kind} npm start (or: npm i --no-save ${gpu.package})`,
  )
}

function judgeFileDescriptors({ fileDescriptors }: Facts): Finding {
  if (fileDescriptors === null) return ok('files', 'limit unknown')
  const text = `${fileDescriptors} open files allowed`
  return fileDescriptors >= fileDescriptorsMin
    ? ok('files', text)
    : warn('files', text, 'Raise it: `ulimit -n 65536`, or LimitNOFILE= of the service.')
}

function judgeClock({ clock }: Facts): Finding {
  const now = new Date(clock.nowMs).toISOString()
  if (clock.nowMs < earliestNowMs)
    return fail('clock', `${now} is in the past`, 'Set the clock: keys and limits go by it.')
  if (clock.newestFileMs !== null && clock.newestFileMs > clock.nowMs + clockSlackMs)
    return warn(
      'clock',
      `${now} is earlier than files of the data directory`,
      'The clock went back: check time synchronisation.',
    )
  return ok('clock', now)
}

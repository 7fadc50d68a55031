import { AppError } from '../../core/errors.ts'
import { formatBytes, parseBytes } from '../../core/units.ts'
import type { PrunePlan } from '../../models/prune.ts'
import { artefactsOf } from '../../contract/artefacts.ts'
import { defineCommand, type FlagValues } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import type { Io } from '../io.ts'
import { formatTable } from '../table.ts'
import { modelsConfig, modelsDirectory } from './model.ts'

const flagsOfPrune = {
  max: { kind: 'text', hint: 'SIZE', summary: 'What may stay, such as 500GiB (models.maxSize)' },
  'dry-run': { kind: 'boolean', summary: 'Only say what would go' },
  offline: {
    kind: 'boolean',
    summary: 'Without asking what deployments use: everything may go',
  },
  ...connectionFlags,
} as const

export const modelPrune = defineCommand({
  name: 'model prune',
  summary: 'Delete the models that nobody has used for the longest time',
  details:
    'Until what was pulled or made is no more than the limit. What a deployment uses, or would go back to while a new revision takes over, stays. Files that somebody put into the directory by hand are never touched.',
  examples: ['model prune --max 200GiB --dry-run', 'model prune'],
  positionals: [],
  flags: flagsOfPrune,
  async run({ flags, io, output }) {
    const { maxSize: configured } = await modelsConfig(flags, io)
    const maxSize = flags.max === undefined ? configured : bytesOf(flags.max)
    if (maxSize === undefined)
      throw new AppError('cli/usage', {
        message: 'how much may stay is not said',
        hint: 'Give --max SIZE, or set models.maxSize in the config.',
      })
    const isDry = flags['dry-run']
    const plan = await pruneModels(flags, io, { maxSize, isDry, isOffline: flags.offline })
    output.data(plan, () =>
      plan.remove.length === 0
        ? ''
        : formatTable(
            [isDry ? 'WOULD GO' : 'DELETED', 'SIZE', 'LAST USED'],
            plan.remove.map(({ name, bytes, lastUsedMs }) => [
              name,
              formatBytes(bytes),
              new Date(lastUsedMs).toISOString().slice(0, 16).replace('T', ' '),
            ]),
            output.style,
          ),
    )
    const why = plan.leftBytes > maxSize ? ': what stays is in use' : ''
    output.note(
      `${formatBytes(plan.leftBytes)} ${isDry ? 'would stay' : 'stay'}, the limit is ${formatBytes(maxSize)}${why}.`,
    )
  },
})

interface PruneOptions {
  readonly maxSize: number
  readonly isDry?: boolean | undefined
  readonly isOffline?: boolean | undefined
}

type PlaceFlags = Partial<FlagValues<typeof connectionFlags>>

/** Deletes what is beyond the limit. Throws `cli/unreachable` where nobody can say what is in use. */
async function pruneModels(
  flags: PlaceFlags,
  io: Io,
  { maxSize, isDry, isOffline }: PruneOptions,
): Promise<PrunePlan> {
  const { listModels, meantEntries } = await import('../../models/library.ts')
  const { cachedModels, planPrune, prune } = await import('../../models/prune.ts')
  const directory = await modelsDirectory(flags as never, io)
  const wanted = isOffline ? [] : await referencesInUse(flags, io)
  const used = meantEntries(wanted, await listModels(directory)).map(({ name }) => name)
  const plan = planPrune(await cachedModels(directory), new Set(used), maxSize)
  if (!isDry) await prune(plan, directory)
  return plan
}

/** What deployments name, or would go back to. Throws `cli/unreachable`. */
export async function referencesInUse(flags: PlaceFlags, io: Io): Promise<readonly string[]> {
  const client = await connect(flags as never, io)
  const models: string[] = []
  for (const { spec, rollout } of await client.deployments()) {
    models.push(spec.model, ...artefactsOf(spec))
    if (rollout === null) continue
    const before = (await client.history(spec.name)).find((one) => one.revision === rollout.from)
    if (before?.spec) models.push(before.spec.model, ...artefactsOf(before.spec))
  }
  return models
}

function bytesOf(text: string): number {
  try {
    return parseBytes(text)
  } catch (thrown) {
    throw new AppError('cli/usage', {
      message: `--max: ${(thrown as Error).message}`,
      hint: 'Write it like 500GiB.',
      cause: thrown,
    })
  }
}

import { join } from 'node:path'
import { formatBytes } from '../../core/units.ts'
import type { ModelEntry } from '../../models/entry.ts'
import type { ModelLimit } from '../../models/room.ts'
import { defineCommand, type FlagValues, type Flags } from '../command.ts'
import { dataDirectory } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io, Output } from '../io.ts'
import { createProgress } from '../progress.ts'
import { formatTable } from '../table.ts'

export const placeFlags = {
  data: { kind: 'text', hint: 'DIR', summary: 'Data directory (BALEEN_DATA)' },
  config: { kind: 'text', short: 'c', hint: 'FILE', summary: 'Config file (BALEEN_CONFIG)' },
} as const satisfies Flags

export const modelPull = defineCommand({
  name: 'model pull',
  summary: 'Fetch a model',
  details:
    'Run again after an interruption it goes on where it stopped. Checksums are verified where the source has them. HF_ENDPOINT names another hub, HF_TOKEN opens what is not public. S3 stores are named by AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for registries what `docker login` keeps is used. The name of the model is written to stdout.',
  examples: [
    'model pull hf:ORG/REPO',
    'model pull hf:ORG/REPO/FILE.gguf --name mine',
    'model pull ORG/REPO:Q4_K_M',
    'model pull https://host/file.gguf --sha256 04c5…',
    'model pull npm:PACKAGE',
    'model pull s3://BUCKET/KEY.gguf',
    'model pull oci://REGISTRY/REPOSITORY:TAG',
  ],
  positionals: [
    {
      name: 'reference',
      summary: 'hf:ORG/REPO[/FILE], s3://…, oci://…, a URL, npm:PACKAGE, bundled:NAME',
    },
  ],
  flags: {
    name: { kind: 'text', summary: "What to call it here (after the file's name)" },
    sha256: { kind: 'text', hint: 'HEX', summary: 'What the file has to be' },
    ...placeFlags,
  },
  async run({ flags, positionals, io, output }) {
    const { pullModel } = await import('../../models/pull/pull.ts')
    const { pullSettings } = await import('../../server/pull-settings.ts')
    const { createTransferLine } = await import('../transfer-line.ts')
    const progress = createProgress(io, output)
    const lineOf = createTransferLine(() => performance.now())
    try {
      const limit = await limitOf(flags, io, output)
      const entry = await pullModel(positionals.reference, await modelsDirectory(flags, io), {
        onProgress: (step) => progress.update('pull', lineOf(step), `${step.step} ${step.text}`),
        onPruned: (name) =>
          output.note(`${name} was deleted: models.maxSize leaves no room for both.`),
        signal: io.interrupt,
        ...(await pullSettings(io.environment, await dataDirectory(flags, io))),
        ...(limit === undefined ? {} : { limit }),
        ...(flags.name === undefined ? {} : { name: flags.name }),
        ...(flags.sha256 === undefined ? {} : { sha256: flags.sha256 }),
      })
      progress.done('pull', `${entry.name}: ${formatBytes(entry.bytes)}, ${entry.path}`)
      output.data(entry, () => entry.name)
      output.note(`\`baleen deploy ${entry.name}\` runs it.`)
    } finally {
      progress.clear()
    }
  },
})

export const modelList = defineCommand({
  name: 'model list',
  summary: 'List the models that are here',
  details:
    'With --check every file is read and compared with its checksum. Exit code 5: one is damaged.',
  examples: ['model list', 'model list --check'],
  positionals: [],
  flags: { check: { kind: 'boolean', summary: 'Verify the checksums too' }, ...placeFlags },
  async run({ flags, io, output }) {
    const { listModels } = await import('../../models/library.ts')
    const directory = await modelsDirectory(flags, io)
    const progress = createProgress(io, output)
    const entries: ModelEntry[] = []
    for (const entry of await listModels(directory)) {
      if (flags.check) progress.update('check', `checking ${entry.name}`)
      entries.push(flags.check ? await checked(entry, directory, io) : entry)
    }
    progress.clear()
    output.data(entries, () =>
      formatTable(
        ['NAME', 'TASK', 'ARCHITECTURE', 'SIZE', 'SOURCE', 'PROBLEM'],
        entries.map((entry) => [
          entry.name,
          entry.task,
          entry.architecture ?? '-',
          formatBytes(entry.bytes),
          entry.source ?? '-',
          entry.problem ?? '',
        ]),
        output.style,
      ),
    )
    if (entries.length === 0) output.note('No models yet. `baleen model pull` fetches one.')
    return entries.some(({ problem }) => problem !== null) ? exitCodes.negative.code : 0
  },
})

export const modelShow = defineCommand({
  name: 'model show',
  summary: 'Show what is known of a model',
  examples: ['model show tinyllama', 'model show tinyllama --json'],
  positionals: [{ name: 'model', summary: 'Name of a model that is here', completes: 'model' }],
  flags: placeFlags,
  async run({ flags, positionals, io, output }) {
    const entry = await findModel(positionals.model, await modelsDirectory(flags, io))
    output.data(entry, () =>
      Object.entries({ ...entry, bytes: formatBytes(entry.bytes) })
        .filter(([, value]) => value !== null)
        .map(([name, value]) => `${output.style('dim', name.padEnd(14))}${value}`)
        .join('\n'),
    )
  },
})

export const modelRemove = defineCommand({
  name: 'model rm',
  summary: 'Delete models from the disk',
  details:
    'A deployment that uses one goes on with what it has loaded, and fails at its next start.',
  examples: ['model rm tinyllama'],
  positionals: [
    { name: 'model', summary: 'Name of a model that is here', repeats: true, completes: 'model' },
  ],
  flags: placeFlags,
  async run({ flags, positionals, io, output }) {
    const { removeModel } = await import('../../models/library.ts')
    const directory = await modelsDirectory(flags, io)
    for (const name of positionals.model) {
      await removeModel(name, directory)
      output.data({ removed: name }, () => '')
      output.note(`${name} is deleted.`)
    }
  },
})

/** The entry with what a reading of the whole file has brought to light. */
async function checked(entry: ModelEntry, directory: string, io: Io): Promise<ModelEntry> {
  const { AppError } = await import('../../core/errors.ts')
  const { verifyModel } = await import('../../models/library.ts')
  try {
    return await verifyModel(entry.name, directory, { signal: io.interrupt })
  } catch (thrown) {
    if (thrown instanceof AppError) return { ...entry, problem: thrown.message }
    throw thrown
  }
}

async function findModel(name: string, directory: string): Promise<ModelEntry> {
  const { AppError } = await import('../../core/errors.ts')
  const { listModels } = await import('../../models/library.ts')
  const entry = (await listModels(directory)).find((one) => one.name === name)
  if (entry) return entry
  throw new AppError('model/not-found', { message: `there is no model "${name}" in ${directory}` })
}

/** Where pulled models are. */
export async function modelsDirectory(
  flags: FlagValues<typeof placeFlags>,
  io: Io,
): Promise<string> {
  const { directory } = await modelsConfig(flags, io)
  return directory ?? join(await dataDirectory(flags, io), 'models')
}

/** `models:` of the config file, where there is one. */
export async function modelsConfig(
  flags: FlagValues<typeof placeFlags>,
  io: Io,
): Promise<{ readonly directory?: string | undefined; readonly maxSize?: number | undefined }> {
  const { configPathOf, readConfigFile } = await import('../../server/config-file.ts')
  const path = configPathOf(io.environment, flags.config)
  return path === null ? {} : readConfigFile(path, io.environment).models
}

/** The limit of the config, if it has one and somebody can say which models are in use. */
async function limitOf(
  flags: FlagValues<typeof placeFlags>,
  io: Io,
  output: Output,
): Promise<ModelLimit | undefined> {
  const { maxSize: bytesMax } = await modelsConfig(flags, io)
  if (bytesMax === undefined) return undefined
  const { referencesInUse } = await import('./model-prune.ts')
  try {
    return { bytesMax, inUse: await referencesInUse(flags, io) }
  } catch (thrown) {
    output.note(`Nothing is deleted for it: ${(thrown as Error).message}. See \`model prune\`.`)
    return undefined
  }
}

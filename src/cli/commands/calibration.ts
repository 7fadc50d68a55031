import { resolve } from 'node:path'
import { defineCommand } from '../command.ts'
import { connectionFlags, dataDirectory } from '../connection.ts'
import type { FlagValues } from '../command.ts'
import type { Io } from '../io.ts'
import { formatTable } from '../table.ts'

const places = { data: connectionFlags.data, config: connectionFlags.config } as const

async function folderOf(flags: FlagValues<typeof places>, io: Io) {
  const { createCalibrationFolder } = await import('../calibrate/calibration-folder.ts')
  return createCalibrationFolder(await dataDirectory(flags, io))
}

const named = [{ name: 'name', summary: 'As `baleen calibration list` shows it' }] as const

export const calibrationList = defineCommand({
  name: 'calibration list',
  summary: 'Show the calibrations that are kept',
  examples: ['calibration list'],
  positionals: [],
  flags: places,
  async run({ flags, io, output }) {
    const { files, unreadable } = (await folderOf(flags, io)).list()
    for (const path of unreadable) output.note(`${path} is no calibration`)
    if (files.length === 0) output.note('None yet. `baleen calibrate` makes one.')
    const { offBy } = await import('../calibrate/report-text.ts')
    output.data({ calibrations: files.map(({ calibration: _values, ...rest }) => rest) }, () =>
      formatTable(
        ['name', 'made', 'runs', 'TPOT error', 'was', 'TTFT error', 'was'],
        files.map(({ name, createdAt, evidence }) => [
          name,
          createdAt.slice(0, 16).replace('T', ' '),
          String(evidence.runs),
          offBy(evidence.heldOut.tpot),
          offBy(evidence.before.tpot),
          offBy(evidence.heldOut.ttft),
          offBy(evidence.before.ttft),
        ]),
        output.style,
      ),
    )
  },
})

export const calibrationShow = defineCommand({
  name: 'calibration show',
  summary: 'Show a calibration; --json exports it',
  details:
    'The exported file works elsewhere: `plan … --calibration FILE`, or `calibration import FILE`.',
  examples: ['calibration show NAME', 'calibration show NAME --json > mine.json'],
  positionals: named,
  flags: places,
  async run({ flags, positionals, io, output }) {
    const { calibrationText } = await import('../calibrate/report-text.ts')
    const file = (await folderOf(flags, io)).get(positionals.name)
    output.data(file, () => calibrationText(file, output.style))
  },
})

export const calibrationImport = defineCommand({
  name: 'calibration import',
  summary: 'Keep a calibration that was exported elsewhere',
  examples: ['calibration import mine.json'],
  positionals: [
    { name: 'file', summary: 'What `calibration show --json` wrote', completes: 'file' },
  ],
  flags: places,
  async run({ flags, positionals, io, output }) {
    const { readCalibrationFile } = await import('../calibrate/calibration-folder.ts')
    const file = readCalibrationFile(resolve(io.workingDirectory, positionals.file))
    ;(await folderOf(flags, io)).save(file)
    output.data({ name: file.name }, () => `Kept as ${file.name}.`)
  },
})

export const calibrationRemove = defineCommand({
  name: 'calibration rm',
  summary: 'Forget a calibration',
  examples: ['calibration rm NAME'],
  positionals: named,
  flags: places,
  async run({ flags, positionals, io, output }) {
    const folder = await folderOf(flags, io)
    folder.remove(positionals.name)
    output.note(`Removed ${positionals.name}; what is shipped is used again.`)
  },
})

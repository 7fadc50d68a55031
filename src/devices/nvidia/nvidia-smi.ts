import { stripVTControlCharacters } from 'node:util'
import type { Device, DeviceReading } from '../../core/device.ts'
import { figure } from '../tool.ts'

/** Asked for by name: what the tool prints unasked changes from one driver to the next. */
export const queryFields = [
  'index',
  'uuid',
  'name',
  'memory.total',
  'memory.used',
  'memory.free',
  'utilization.gpu',
  'temperature.gpu',
  'power.draw',
  'ecc.errors.uncorrected.volatile.total',
] as const

const mib = 2 ** 20

/** Lines of `--query-gpu=… --format=csv,noheader,nounits`. A line that can't be read is no device. */
export function parseDevices(text: string, groups: ReadonlyMap<number, string>): readonly Device[] {
  return rows(text).flatMap((row) => {
    const index = figure(row.index)
    const totalMib = figure(row['memory.total'])
    if (index === null || !row.uuid.startsWith('GPU-')) return []
    return {
      id: row.uuid,
      vendor: 'nvidia',
      model: row.name,
      index,
      memoryBytes: (totalMib ?? 0) * mib,
      freeMemoryBytes: (figure(row['memory.free']) ?? 0) * mib,
      linkGroup: groups.get(index) ?? null,
      slice: null,
      fault: faultOf(row),
    }
  })
}

export function parseReadings(text: string): readonly DeviceReading[] {
  return rows(text)
    .filter((row) => row.uuid.startsWith('GPU-'))
    .map((row) => {
      const busy = figure(row['utilization.gpu'])
      const usedMib = figure(row['memory.used'])
      return {
        id: row.uuid,
        utilisation: busy === null ? null : busy / 100,
        memoryUsedBytes: usedMib === null ? null : usedMib * mib,
        temperatureC: figure(row['temperature.gpu']),
        powerW: figure(row['power.draw']),
      }
    })
}

/** The indented lines of `nvidia-smi -L`. */
export function parseSlices(text: string): readonly { of: string; id: string; profile: string }[] {
  let of = ''
  return text.split('\n').flatMap((line) => {
    of = /^GPU \d+: .*\(UUID: (GPU-[\w-]+)\)/.exec(line)?.[1] ?? of
    const slice = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[\w/-]+)\)/.exec(line)
    return slice ? [{ of, profile: slice[1] ?? '', id: slice[2] ?? '' }] : []
  })
}

/**
 * Which GPUs reach each other over NVLink, by the matrix of `nvidia-smi topo -m` (`NV18` between two: 18 links). Those
 * that are connected, if through others, form one group, named after the first.
 */
export function linkGroups(text: string): ReadonlyMap<number, string> {
  const group = new Map<number, number>()
  const lines = stripVTControlCharacters(text).split('\n')
  const columns = (lines.find((line) => /\bGPU0\b/.test(line)) ?? '').trim().split(/\s+/)
  const find = (gpu: number): number => {
    const above = group.get(gpu) ?? gpu
    return above === gpu ? gpu : find(above)
  }
  for (const line of lines) {
    const [head = '', ...cells] = line.trim().split(/\s+/)
    const from = gpuNumber(head)
    if (from === null) continue
    for (const [at, cell] of cells.entries()) {
      const to = gpuNumber(columns[at] ?? '')
      if (to === null || to === from || !/^NV\d+$/.test(cell)) continue
      for (const gpu of [from, to]) if (!group.has(gpu)) group.set(gpu, gpu)
      const [low, high] = [find(from), find(to)].toSorted((a, b) => a - b)
      if (low !== undefined && high !== undefined) group.set(high, low)
    }
  }
  return new Map([...group.keys()].map((gpu) => [gpu, `nvlink-${find(gpu)}`]))
}

function gpuNumber(word: string): number | null {
  const number = /^GPU(\d+)$/.exec(word)?.[1]
  return number === undefined ? null : Number(number)
}

type Row = Readonly<Record<(typeof queryFields)[number], string>>

const rows = (text: string): readonly Row[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const cells = line.split(', ')
      const named = queryFields.map((name, at) => [name, (cells[at] ?? '').trim()])
      return Object.fromEntries(named) as Row
    })

function faultOf(row: Row): string | null {
  const broken = Object.values(row).find((cell) => /requires reset|GPU is lost/i.test(cell))
  if (broken !== undefined) return broken.replaceAll(/[[\]]/g, '')
  const errors = figure(row['ecc.errors.uncorrected.volatile.total'])
  return errors !== null && errors > 0
    ? `${errors} uncorrectable memory errors since the driver was loaded`
    : null
}

import type { Candidate } from '../search/candidate.ts'
import { gigabytes } from './binding.ts'

/** The memory of one device as a bar of `width` characters with a legend below. */
export function drawMemory({ budget, settings, operating }: Candidate, width = 60): string[] {
  const { deviceBytes, weightBytes, workspaceBytes, kvBytes } = budget
  const used = weightBytes + workspaceBytes + Math.max(0, kvBytes)
  const parts = [
    { sign: '█', name: 'weights', bytes: weightBytes },
    { sign: '▒', name: 'activations, graphs, runtime', bytes: workspaceBytes },
    {
      sign: '░',
      name: `cache: ${budget.kvBlocks} blocks, ${Math.floor(operating.places)} sequences at once`,
      bytes: Math.max(0, kvBytes),
    },
    { sign: '·', name: 'left alone', bytes: Math.max(0, deviceBytes - used) },
  ]
  const bar = parts
    .map(({ sign, bytes }) => sign.repeat(Math.round((bytes / deviceBytes) * width)))
    .join('')
    .slice(0, width)
    .padEnd(width, '·')
  return [
    `${settings.device}, ${gigabytes(deviceBytes)}, share ${settings.memoryShare}`,
    `│${bar}│`,
    ...parts.map(({ sign, name, bytes }) => `  ${sign} ${gigabytes(bytes).padStart(9)}  ${name}`),
  ]
}

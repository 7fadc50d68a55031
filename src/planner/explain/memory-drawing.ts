import type { Candidate } from '../search/candidate.ts'
import { gigabytes } from './binding.ts'

/** The memory of one device as a bar of `width` characters with a legend below. */
export function drawMemory({ budget, settings, operating }: Candidate, width = 60): string[] {
  const { deviceBytes, kvBytes, kvElsewhereBytes, besideBytes } = budget
  // Weights that lie elsewhere are not here; what stands beside the model is.
  const weightBytes = budget.weightBytes + Math.min(0, besideBytes)
  const beside = Math.max(0, besideBytes)
  const workspaceBytes = budget.workspaceBytes - besideBytes
  const kvHere = Math.max(0, kvBytes - kvElsewhereBytes)
  const used = weightBytes + beside + workspaceBytes + kvHere
  const parts = [
    { sign: '█', name: 'weights', bytes: weightBytes },
    ...(beside > 0
      ? [{ sign: '▓', name: 'beside the model: draft, adapters, neighbour', bytes: beside }]
      : []),
    { sign: '▒', name: 'activations, graphs, runtime', bytes: workspaceBytes },
    {
      sign: '░',
      name: `cache: ${budget.kvBlocks} blocks, ${Math.floor(operating.places)} sequences at once${kvElsewhereBytes > 0 ? `, ${gigabytes(kvElsewhereBytes)} of it in host memory` : ''}`,
      bytes: kvHere,
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

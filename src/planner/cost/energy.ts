import type { Accelerator } from '../accelerator.ts'
import type { Site } from './site.ts'

/**
 * Draw of one device, W. Prompts take it to its rated power, decoding to less, an idle one still draws (the shapes are
 * Splitwise's and POLCA's, arXiv 2311.18677 and 2308.12908; the shares are ours and the error bar is wide). Null where
 * the rated power is not known.
 */
export function deviceWatts(
  { tdpW }: Accelerator,
  promptShare: number,
  decodeShare: number,
): number | null {
  if (tdpW === null) return null
  const prompts = Math.min(1, promptShare)
  const decodes = Math.min(1 - prompts, decodeShare)
  return tdpW * (prompts + 0.6 * decodes + 0.2 * (1 - prompts - decodes))
}

/** Half-width of the 80 % interval of the logarithm: nobody's measured power is in the fit. */
export const energyErrorBar = 0.3

/** Grams of CO₂ for a million tokens. */
export const gramsCo2PerMillion = (
  joulesPerToken: number,
  { pue, gramsCo2PerKwh }: Pick<Site, 'pue' | 'gramsCo2PerKwh'>,
): number => kwhPerMillion(joulesPerToken) * pue * gramsCo2PerKwh

/** At the machines; the data centre takes `pue` times that. */
export const kwhPerMillion = (joulesPerToken: number): number => (joulesPerToken * 1e6) / 3.6e6

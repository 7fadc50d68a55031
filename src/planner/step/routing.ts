/**
 * Distinct experts that a batch of tokens touches. Routing is skewed: expert i is chosen in proportion to i^-0.7, which
 * reproduces the measured kernels best (bench/planner/README.md), or by lognormal weights of a spread that was measured.
 */
export function distinctExperts(
  experts: number,
  topK: number,
  tokens: number,
  spread?: number,
): number {
  const key = `${experts}/${topK}/${spread}`
  const curve = curves.get(key) ?? addCurve(key, experts, topK, spread)
  const at = Math.min(Math.log2(Math.max(1, tokens)) * perOctave, curve.length - 1)
  const low = curve[Math.floor(at)] ?? topK
  const high = curve[Math.ceil(at)] ?? experts
  return low + (high - low) * (at - Math.floor(at))
}

const skew = 0.7
const perOctave = 2
const octaves = 18
const curves = new Map<string, readonly number[]>()

function addCurve(
  key: string,
  experts: number,
  topK: number,
  spread: number | undefined,
): readonly number[] {
  const weights = Array.from({ length: experts }, (_, at) =>
    spread === undefined
      ? (at + 1) ** -skew
      : Math.exp(spread * normal((experts - at - 0.5) / experts)),
  )
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const chances = weights.map((weight) => Math.min(1, (topK * weight) / total))
  const curve = Array.from({ length: octaves * perOctave + 1 }, (_, step) => {
    const tokens = 2 ** (step / perOctave)
    return chances.reduce((sum, chance) => sum + 1 - (1 - chance) ** tokens, 0)
  })
  curves.set(key, curve)
  return curve
}

/** The quantile of the normal distribution, within 5e-4 (Abramowitz and Stegun 26.2.23). */
function normal(share: number): number {
  if (share > 0.5) return -normal(1 - share)
  const t = Math.sqrt(-2 * Math.log(share))
  return (
    (2.515517 + t * (0.802853 + t * 0.010328)) /
      (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) -
    t
  )
}

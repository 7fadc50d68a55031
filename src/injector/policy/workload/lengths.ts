import type { LengthSpec } from '../../../contract/injection-spec.ts'
import { AppError } from '../../../core/errors.ts'
import type { Random } from '../../../core/random.ts'
import { parseCount } from '../../../core/units.ts'
import { parsePairs } from '../arrivals/parse-arrivals.ts'
import { drawNormal } from '../statistics/draw.ts'

export function drawLength(spec: LengthSpec, random: Random): number {
  switch (spec.kind) {
    case 'fixed':
      return spec.value
    case 'uniform':
      return spec.min + Math.floor(random() * (spec.max - spec.min + 1))
    case 'lognormal': {
      const length = Math.round(spec.median * Math.exp(spec.sigma * drawNormal(random)))
      return Math.min(spec.max, Math.max(spec.min, length))
    }
    case 'empirical':
      return spec.values[Math.floor(random() * spec.values.length)]!
  }
}

/** "128", "uniform:min=10,max=20", "lognormal:median=500,sigma=0.8,max=4k", "empirical:values=10/20/30". */
export function parseLength(text: string): LengthSpec {
  if (/^\s*[\d.]+[a-z]*\s*$/i.test(text)) return { kind: 'fixed', value: parseCount(text) }
  const [kind, rest = ''] = text.split(/:(.*)/s)
  const pairs = parsePairs(rest)
  const count = (name: string, fallback: number) => {
    const given = pairs.get(name)
    return given === undefined ? fallback : parseCount(given)
  }
  if (kind === 'uniform') {
    const min = count('min', 1)
    return { kind, min, max: Math.max(min, count('max', min)) }
  }
  if (kind === 'lognormal' && pairs.has('median')) {
    const sigma = Number(pairs.get('sigma') ?? 0.8)
    if (sigma >= 0)
      return {
        kind,
        median: count('median', 1),
        sigma,
        min: count('min', 1),
        max: count('max', 32_768),
      }
  }
  if (kind === 'empirical') {
    const values = (pairs.get('values') ?? '').split('/').filter(Boolean).map(parseCount)
    if (values.length > 0) return { kind, values }
  }
  throw new AppError('injection/bad-spec', {
    message: `"${text}" is not a length`,
    hint: 'Write 128, uniform:min=10,max=20, lognormal:median=500,sigma=0.8 or empirical:values=10/20/30.',
  })
}

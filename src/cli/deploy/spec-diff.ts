import {
  deploymentSpec,
  type DeploymentSpec,
  type DeploymentView,
} from '../../contract/deployment.ts'
import { runsAlike } from '../../contract/deployment-change.ts'
import type { Style } from '../io.ts'

/** One setting that differs. Null: not set there. */
interface Difference {
  readonly path: string
  readonly before: string | null
  readonly after: string | null
}

export interface SpecDiff {
  readonly name: string
  readonly kind: 'new' | 'changed' | 'same'
  readonly revision: number | null
  readonly differences: readonly Difference[]
  /** New replicas have to take over. */
  readonly restarts: boolean
}

/** What applying the specs would change, in their order. */
export const diffSpecs = (
  specs: readonly DeploymentSpec[],
  current: readonly DeploymentView[],
): SpecDiff[] =>
  specs.map((spec) =>
    diffSpec(
      spec,
      current.find((one) => one.spec.name === spec.name),
    ),
  )

/** A new deployment is told by what it says beyond the defaults. */
function diffSpec(spec: DeploymentSpec, current: DeploymentView | undefined): SpecDiff {
  const { name, model } = spec
  const before = current?.spec ?? deploymentSpec.parse({ name, model })
  const differences = differencesOf(before, spec)
  if (!current) {
    const said = [{ path: 'model', before: null, after: model }, ...differences]
    return { name, kind: 'new', revision: null, differences: said, restarts: true }
  }
  return {
    name,
    kind: differences.length === 0 ? 'same' : 'changed',
    revision: current.revision,
    differences,
    restarts: !runsAlike(before, spec),
  }
}

function differencesOf(before: object, after: object): Difference[] {
  const old = flat(before)
  const fresh = flat(after)
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .map((path) => ({ path, before: old.get(path) ?? null, after: fresh.get(path) ?? null }))
    .filter((one) => one.before !== one.after)
}

/** `{a: {b: 1}}` → `a.b` → `1`. Lists stay in one piece. */
function flat(value: object, prefix = ''): Map<string, string> {
  const entries = new Map<string, string>()
  for (const [key, inner] of Object.entries(value)) {
    const isPart = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    if (isPart) for (const [path, text] of flat(inner, `${prefix}${key}.`)) entries.set(path, text)
    else if (inner !== undefined && inner !== null)
      entries.set(prefix + key, typeof inner === 'string' ? inner : JSON.stringify(inner))
  }
  return entries
}

export function diffText(diffs: readonly SpecDiff[], style: Style): string {
  return diffs.map((diff) => textOf(diff, style)).join('\n')
}

function textOf(diff: SpecDiff, style: Style): string {
  const { name, kind, revision, differences, restarts } = diff
  if (kind === 'same') return style('dim', `= ${name}: as it is (revision ${revision})`)
  const head =
    kind === 'new'
      ? style('green', `+ ${name}: new`)
      : style('yellow', `~ ${name}: revision ${revision} → ${(revision ?? 0) + 1}`)
  const effect =
    kind === 'new' ? '' : restarts ? ', new replicas take over' : ', takes effect at once'
  const width = Math.max(...differences.map(({ path }) => path.length))
  const lines = differences.map(({ path, before, after }) => {
    const left = before === null ? '' : `${style('red', before)} → `
    return `    ${path.padEnd(width)}  ${left}${after === null ? style('dim', 'not set') : style('green', after)}`
  })
  return [`${head}${effect}`, ...lines].join('\n')
}

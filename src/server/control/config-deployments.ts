import { createHash } from 'node:crypto'
import { sameValue } from '../../core/same-value.ts'
import { deploymentSpec, type DeploymentSpec } from '../../contract/deployment.ts'
import { planConfig } from '../../deployer/policy/config-entries.ts'
import type { Store } from '../../store/store.ts'
import type { Registry } from './registry.ts'

/** What runs when nobody has said anything: a chat model and embeddings, both small. */
const defaultDeployments: readonly DeploymentSpec[] = [
  { name: 'minimind2-small', model: 'bundled:minimind2-small', task: 'generate' },
  { name: 'all-minilm-l6-v2', model: 'bundled:all-minilm-l6-v2', task: 'embed' },
].map((spec) => deploymentSpec.parse(spec))

/** Brings the deployments of the config file into the store. Returns the names of those that it changed. */
export async function applyConfigDeployments(
  specs: readonly DeploymentSpec[] | undefined,
  store: Store,
  registry: Registry,
  nowMs: number,
): Promise<readonly string[]> {
  const applied = await store.deployments.configEntries()
  const plan = planConfig({
    entries: specs?.map(toEntry) ?? null,
    applied: new Map(applied.map(({ name, hash }) => [name, hash])),
    existing: new Set(registry.deployments().map(({ spec }) => spec.name)),
    defaults: defaultDeployments.map(toEntry),
  })
  if (!plan) return []
  const changes = [
    ...plan.remove.map((name) => ({ kind: 'delete' as const, name })),
    ...plan.put.map((spec) => ({ kind: 'put' as const, spec })),
  ]
  const why = specs ? 'the config file changed' : 'first start'
  await registry.applyConfig(changes, plan.applied, { by: 'config', why, atMs: nowMs })
  return [...plan.remove, ...plan.put.map(({ name }) => name)]
}

const toEntry = (spec: DeploymentSpec) => ({ spec, hash: hashOf(spec) })

/** Of what the entry says beyond the defaults: a new setting of a new version is no edit of the entry. */
function hashOf(spec: DeploymentSpec): string {
  const { name, model } = spec
  const defaults = deploymentSpec.parse({ name, model })
  const { settings, ...rest } = withoutDefaults(spec, defaults)
  const said = [name, model, rest, settings]
  return createHash('sha256').update(JSON.stringify(said)).digest('hex')
}

function withoutDefaults<Shape extends object>(value: Shape, defaults: Shape): Partial<Shape> {
  const said = Object.entries(value).flatMap(([key, entry]): [string, unknown][] => {
    const usual: unknown = defaults[key as keyof Shape]
    if (sameValue(entry, usual)) return []
    const isPart = isRecord(entry) && isRecord(usual)
    return [[key, isPart ? withoutDefaults(entry, usual) : entry]]
  })
  return Object.fromEntries(said.toSorted(([a], [b]) => a.localeCompare(b))) as Partial<Shape>
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

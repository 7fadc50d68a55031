import type { DeploymentSpec } from './deployment.ts'

/** Draft models and adapters, as the settings name them. */
export function namedArtefacts({ settings: { speculation, lora } }: DeploymentSpec): string[] {
  const draft = typeof speculation === 'string' ? undefined : speculation.model
  return [...(draft === undefined ? [] : [draft]), ...lora.adapters.map(({ path }) => path)]
}

/** What a deployment needs beside its model, where that is to be fetched or made, too. */
export const artefactsOf = (spec: DeploymentSpec): string[] =>
  namedArtefacts(spec).filter(isReference)

/** Anything without a scheme is the engine's to find. */
const isReference = (text: string): boolean => /^(bundled|hf|npm|s3|oci|https?):/.test(text)

/** The same with the files that came in place of the references. */
export function withPaths(
  spec: DeploymentSpec,
  paths: ReadonlyMap<string, string>,
): DeploymentSpec {
  if (paths.size === 0) return spec
  const { speculation, lora } = spec.settings
  const found = (text: string): string => paths.get(text) ?? text
  const drafted =
    typeof speculation === 'string' || speculation.model === undefined
      ? speculation
      : { ...speculation, model: found(speculation.model) }
  const adapters = lora.adapters.map((one) => ({ ...one, path: found(one.path) }))
  const settings = { ...spec.settings, speculation: drafted, lora: { ...lora, adapters } }
  return { ...spec, settings }
}

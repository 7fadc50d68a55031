import { AppError } from '../../core/errors.ts'
import { defineCommand, usageError } from '../command.ts'
import { readText } from '../read-text.ts'

export const manifests = defineCommand({
  name: 'manifests',
  summary: 'Write deployments as Kubernetes objects',
  details:
    'For clusters that are kept by Argo CD, Flux or `kubectl apply`: Deployment, Service and disruption budget of each, with the probes, devices, grace and volumes that its engine needs. The same file gives the same bytes. Without --runtime: as for a cluster with the defaults.',
  examples: [
    'manifests -f model.yaml',
    'manifests -f model.yaml -n llm | kubectl apply --server-side -f -',
    'manifests -f model.yaml --runtime prod -c config.yaml > model.k8s.yaml',
  ],
  positionals: [],
  flags: {
    file: { kind: 'text', short: 'f', hint: 'FILE', summary: 'Deployments as YAML; - is stdin' },
    namespace: { kind: 'text', short: 'n', summary: 'Namespace of the objects (baleen)' },
    runtime: { kind: 'text', summary: 'A cluster of the config, for its settings' },
    config: { kind: 'text', short: 'c', hint: 'FILE', summary: 'Config file (BALEEN_CONFIG)' },
  },
  async run({ flags, io, output }) {
    if (flags.file === undefined) throw usageError('give --file')
    const { specsFromYaml } = await import('../deployment-spec.ts')
    const { loadConfig } = await import('../../server/config-file.ts')
    const { manifestsYaml, plainCluster } = await import('../../server/manifests.ts')
    const specs = specsFromYaml(await readText(flags.file, io), flags.file)
    const { config } = loadConfig(io.environment, flags.config)
    const known = flags.runtime === undefined ? undefined : config.runtimes[flags.runtime]
    if (flags.runtime !== undefined && known?.kind !== 'kubernetes')
      throw new AppError('runtime/unknown', {
        message: `the config has no cluster "${flags.runtime}"`,
        hint: 'Name one of `runtimes` with `kind: kubernetes`, and its file with --config.',
      })
    const cluster =
      known?.kind === 'kubernetes'
        ? { ...known, namespace: flags.namespace ?? known.namespace }
        : plainCluster(flags.namespace)
    output.line(manifestsYaml(specs, cluster, config.devices).trimEnd())
  },
})

import type { DeploymentSpec } from '../contract/deployment.ts'
import { parseHardware } from '../contract/placement.ts'
import { runtimesConfig, type DeviceConfig, type KubernetesConfig } from '../contract/runtimes.ts'
import { stringify } from 'yaml'
import { createVendors } from '../devices/index.ts'
import { findEngine } from '../engines/index.ts'
import { planOf } from '../deployer/plan-of.ts'
import { resolveAccelerator } from '../planner/accelerators/resolve-accelerator.ts'
import { deploymentWorkload } from '../runtimes/kubernetes/deployment-workload.ts'
import { manifestsOf } from '../runtimes/kubernetes/manifests.ts'

const port = 8000

/** A cluster of which only the namespace is known. */
export function plainCluster(namespace: string | undefined): KubernetesConfig {
  const { cluster } = runtimesConfig.parse({
    cluster: { kind: 'kubernetes', ...(namespace === undefined ? {} : { namespace }) },
  })
  return cluster as KubernetesConfig
}

/** Kubernetes objects of deployments as YAML. The same specs give the same bytes. */
export function manifestsYaml(
  specs: readonly DeploymentSpec[],
  config: KubernetesConfig,
  devices: readonly DeviceConfig[],
): string {
  const vendors = createVendors(devices)
  const objects = specs.flatMap((spec) => {
    const vendor = vendorOf(spec)
    const plan = planOf(findEngine(spec.engine), {
      id: spec.name,
      deployment: spec,
      modelPath: modelInCluster(spec.model),
      host: '0.0.0.0',
      port,
      ...(vendor === null ? {} : { vendor }),
    })
    return manifestsOf(deploymentWorkload({ spec, plan, port, config, vendors, vendor }))
  })
  // Line breaks at a fixed width would move with every change of a word.
  const options = { aliasDuplicateObjects: false, lineWidth: 0 }
  return objects.map((object) => stringify(object, options)).join('---\n')
}

/** `hf:ORG/REPO` is a repository to engines, too; a path is one inside of the container. */
const modelInCluster = (model: string): string => model.replace(/^hf:/, '')

function vendorOf({ hardware }: DeploymentSpec): string | null {
  if (hardware === undefined) return null
  return resolveAccelerator(parseHardware(hardware).accelerator)?.vendor ?? null
}

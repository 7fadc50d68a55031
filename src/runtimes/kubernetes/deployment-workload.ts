import type { DeploymentSpec } from '../../contract/deployment.ts'
import { parseHardware } from '../../contract/placement.ts'
import type { KubernetesConfig } from '../../contract/runtimes.ts'
import { anywhere } from '../../core/node.ts'
import type { DeviceVendor } from '../../devices/device.ts'
import type { LaunchPlan } from '../../engines/engine.ts'
import { labelKeys, objectName } from './names.ts'
import { labelValue, needImage, ownerLabels, toleratedTaint } from './replica-workload.ts'
import type { Workload } from './workload.ts'

interface DeploymentInput {
  readonly spec: DeploymentSpec
  readonly plan: LaunchPlan
  readonly port: number
  readonly config: KubernetesConfig
  readonly vendors: readonly DeviceVendor[]
  /** Whose accelerators `hardware` names; null: not known. */
  readonly vendor: string | null
}

/** A whole deployment as the cluster's own, for those who apply manifests from a repository. */
export function deploymentWorkload(input: DeploymentInput): Workload {
  const { spec, port, config } = input
  const plan = withTimeToLeave(input.plan)
  const { placement } = spec
  needImage(plan, spec.name)
  return {
    name: objectName(spec.name),
    selector: {
      [labelKeys.owner]: config.owner,
      [labelKeys.deployment]: labelValue(spec.name),
    },
    labels: { ...ownerLabels(config, spec.name), [labelKeys.engine]: spec.engine },
    annotations: {},
    // What scales it is the owner of the number.
    replicas: spec.scaling === undefined ? spec.replicas : null,
    plan,
    port,
    assignment: { ...anywhere, nodes: placement.nodes },
    devices: devicesOf(input),
    nodeLabels: placement.labels,
    tolerates: placement.tolerates.map(toleratedTaint),
    spread: placement.spread.over === 'none' ? null : placement.spread,
    budget: {
      name: `${objectName(spec.name)}-budget`,
      selector: {
        [labelKeys.owner]: config.owner,
        [labelKeys.deployment]: labelValue(spec.name),
      },
    },
    cluster: config,
  }
}

/** No control tells gateways to leave first: the pod waits until its address is known to be going. */
function withTimeToLeave(plan: LaunchPlan): LaunchPlan {
  const preStopMs = Math.max(plan.drain.preStopMs, leaveMs)
  return { ...plan, drain: { ...plan.drain, preStopMs } }
}

const leaveMs = 10_000

/**
 * `h100:2`: two of the vendor's resource, and which nodes have that model is for `placement.labels` to say;
 * `NVIDIA-H100-80GB-HBM3:2`: as their label writes it; `nvidia.com/mig-1g.10gb:1`: any resource by its name.
 */
function devicesOf(input: DeploymentInput): Workload['devices'] {
  const all = devicesOfAll(input)
  return all && { ...all, count: all.count / input.spec.placement.nodes }
}

function devicesOfAll({ spec, plan, vendor, vendors }: DeploymentInput): Workload['devices'] {
  const demanded = plan.devices.count
  if (spec.hardware === undefined && (demanded === 'any' || demanded === 0)) return null
  const { accelerator, count } =
    spec.hardware === undefined
      ? { accelerator: '', count: Number(demanded) }
      : parseHardware(spec.hardware)
  if (accelerator.includes('/'))
    return { resource: accelerator, nodeSelector: {}, tolerations: [], count }
  const known = vendors.find((one) => one.name === (vendor ?? 'nvidia')) ?? vendors[0]
  if (!known) return null
  const model = /^[A-Z]+[-_]/.test(accelerator) ? accelerator : null
  const request = { vendor: known.name, model, profile: null, count }
  return { ...known.kubernetes.ask(request), count }
}

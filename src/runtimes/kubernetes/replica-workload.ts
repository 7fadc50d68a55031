import type { KubernetesConfig } from '../../contract/runtimes.ts'
import { AppError } from '../../core/errors.ts'
import type { Assignment } from '../../core/node.ts'
import type { LaunchPlan } from '../../engines/engine.ts'
import type { ReplicaIdentity } from '../runtime.ts'
import { identityAnnotation, labelKeys, objectName } from './names.ts'
import type { Workload } from './workload.ts'

interface ReplicaInput {
  readonly identity: ReplicaIdentity
  readonly plan: LaunchPlan
  readonly assignment: Assignment
  readonly devices: Workload['devices']
  readonly config: KubernetesConfig
  /** What the next control has to know of it. */
  readonly carried: object
}

export const budgetNameOf = (deployment: string): string => `${objectName(deployment)}-budget`

/** One replica. */
export function replicaWorkload(input: ReplicaInput): Workload {
  const { identity, plan, assignment, devices, config, carried } = input
  const { id, deployment } = identity
  needImage(plan, deployment)
  const common = ownerLabels(config, deployment)
  return {
    name: objectName(id),
    selector: { [labelKeys.replica]: labelValue(id) },
    labels: common,
    annotations: { [identityAnnotation]: JSON.stringify(carried) },
    replicas: 1,
    plan,
    port: identity.port,
    assignment,
    devices,
    // One that has its node already is there because the node has them.
    nodeLabels: assignment.node === null ? assignment.labels : {},
    tolerates: assignment.tolerates.map(toleratedTaint),
    spread: null,
    budget: {
      name: budgetNameOf(deployment),
      selector: {
        [labelKeys.owner]: config.owner,
        [labelKeys.deployment]: labelValue(deployment),
      },
    },
    cluster: config,
  }
}

/** `dedicated=llm`, or `dedicated` with any value; whatever it does to those that do not tolerate it. */
export function toleratedTaint(text: string): Workload['tolerates'][number] {
  const [key = '', value = ''] = text.split('=')
  return { key, value, effect: null }
}

export const ownerLabels = (
  config: Pick<KubernetesConfig, 'owner'>,
  deployment: string,
): Readonly<Record<string, string>> => ({
  [labelKeys.managedBy]: 'baleen',
  [labelKeys.name]: labelValue(deployment),
  [labelKeys.owner]: config.owner,
  [labelKeys.deployment]: labelValue(deployment),
})

/** Values of labels are at most 63 long. */
export const labelValue = (text: string): string =>
  text.length <= 63 ? text : objectName(text).slice('baleen-'.length)

export function needImage(plan: LaunchPlan, deployment: string): void {
  if (plan.image !== null) return
  throw new AppError('runtime/refused', {
    message: `the engine of "${deployment}" has no container image`,
    hint: 'Name one with settings.image, or run it on the runtime `process`.',
  })
}

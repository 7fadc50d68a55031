import { replicaVariable } from '../../contract/boot.ts'
import type { RayConfig } from '../../contract/runtimes.ts'
import { AppError } from '../../core/errors.ts'
import type { Assignment } from '../../core/node.ts'
import type { LaunchPlan } from '../../engines/engine.ts'
import { parse } from 'yaml'
import type { ReplicaIdentity } from '../runtime.ts'

/** An application as Serve's configuration has it. Fields that are not ours are kept as they are. */
export interface ServeApplication {
  readonly name: string
  readonly route_prefix?: string | null
  readonly import_path?: string
  readonly runtime_env?: { readonly env_vars?: Readonly<Record<string, string>> }
  readonly args?: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

/** What `GET /api/serve/applications/` answers, as far as it is read. */
export interface ServeDetails {
  /** Absent, or without an actor, where no controller answers. */
  readonly controller_info?: { readonly actor_id?: string | null } | null
  readonly proxy_location?: string | null
  readonly http_options?: (Readonly<Record<string, unknown>> & { readonly port?: number }) | null
  readonly grpc_options?: Readonly<Record<string, unknown>> | null
  readonly target_capacity?: number | null
  readonly applications: Readonly<Record<string, ApplicationDetails>>
}

export interface ApplicationDetails {
  readonly name: string
  readonly status: string
  readonly message: string
  readonly source?: string
  readonly deployed_app_config: ServeApplication | null
  readonly deployments: Readonly<Record<string, DeploymentDetails>>
}

interface DeploymentDetails {
  readonly status: string
  readonly message: string
  readonly replicas: readonly ServeReplica[]
}

/** A process of a deployment of an application. */
export interface ServeReplica {
  readonly replica_id: string
  readonly node_id: string | null
  readonly node_ip: string | null
  readonly log_file_path?: string | null
  readonly state: string
  readonly start_time_s: number
}

export interface CarriedIdentity extends ReplicaIdentity {
  readonly owner: string
  /** Ids of the devices that it was given, and where they are. */
  readonly devices: readonly string[]
  readonly node: string | null
  readonly startedAtMs: number
}

/** What Ray's dashboard tells browsers in place of the value of a variable. */
const redacted = '"<redacted>"'

export const applicationName = (id: string): string => `baleen-${id}`

/**
 * The whole configuration with one application changed (null: taken out). Serve's PUT replaces everything: what others
 * declared is sent back as it was, and what was deployed from Python is not part of the configuration at all. Throws
 * `runtime/refused` where it is not told whole.
 */
export function withApplication(
  details: ServeDetails,
  name: string,
  application: ServeApplication | null,
): object {
  const others = Object.values(details.applications).flatMap((one) =>
    one.name !== name && one.source !== 'imperative' && one.deployed_app_config !== null
      ? one.deployed_app_config
      : [],
  )
  if (JSON.stringify(others).includes(redacted))
    throw new AppError('runtime/refused', {
      message: `Ray hides the variables of ${others.map((one) => one.name).join(', ')}: writing its configuration back would lose them`,
      hint: 'Something between Baleen and Ray makes its requests look like those of a browser.',
    })
  const { proxy_location, http_options, grpc_options, target_capacity } = details
  return {
    ...(proxy_location ? { proxy_location } : {}),
    ...(http_options ? { http_options: withoutNulls(http_options) } : {}),
    ...(grpc_options ? { grpc_options: withoutNulls(grpc_options) } : {}),
    ...(target_capacity == null ? {} : { target_capacity }),
    applications: [...others, ...(application ? [application] : [])],
  }
}

/** Its defaults: sent back as null they are refused by older versions. */
const withoutNulls = (options: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null))

/** The application of a plan with a `serve.yaml`, under a route of its own. Throws `runtime/refused`. */
export function applicationOf(
  identity: ReplicaIdentity,
  plan: LaunchPlan,
  assignment: Assignment,
  carried: CarriedIdentity,
  { nodeIp = null, autoscale }: { nodeIp?: string | null; autoscale?: RayConfig['autoscale'] } = {},
): ServeApplication {
  const file = plan.files['serve.yaml']
  const config = file === undefined ? null : (parse(file) as { applications?: ServeApplication[] })
  const application = config?.applications?.[0]
  if (!application)
    throw new AppError('runtime/refused', {
      message: `the engine of "${identity.deployment}" is no application of Ray Serve`,
      hint: 'Use `engine: ray`, or another runtime.',
    })
  const environment = application.runtime_env?.env_vars ?? {}
  return {
    ...application,
    name: applicationName(identity.id),
    route_prefix: `/${identity.id}`,
    runtime_env: {
      ...application.runtime_env,
      env_vars: { ...environment, [replicaVariable]: JSON.stringify(carried) },
    },
    ...(application.args
      ? {
          args: withAutoscaling(
            // What Ray adds may run elsewhere.
            withDevices(application.args, assignment, autoscale ? null : nodeIp),
            autoscale,
          ),
        }
      : {}),
  }
}

type Arguments = Readonly<Record<string, unknown>>

/** Models of Serve LLM, each changed. */
function changeModels(args: Arguments, change: (model: Arguments) => Arguments): Arguments {
  const models = args['llm_configs']
  return Array.isArray(models)
    ? { ...args, llm_configs: (models as Arguments[]).map(change) }
    : args
}

/** Serve takes a number of replicas, or what to choose it by, never both. */
const withAutoscaling = (args: Arguments, autoscale: RayConfig['autoscale']): Arguments =>
  autoscale === undefined
    ? args
    : changeModels(args, (model) => {
        const { num_replicas: _, ...rest } = (model['deployment_config'] ?? {}) as Arguments
        const { min, max, targetRequests } = autoscale
        const autoscaling = {
          min_replicas: min,
          max_replicas: max,
          target_ongoing_requests: targetRequests,
        }
        return { ...model, deployment_config: { ...rest, autoscaling_config: autoscaling } }
      })

/** Serve LLM takes devices as the bundles of a placement group, one a device; each node has a resource of its address. */
function withDevices(
  args: Arguments,
  { accelerators, devices }: Assignment,
  nodeIp: string | null,
): Arguments {
  const model = accelerators?.model ?? null
  if (!accelerators && devices.length === 0) return args
  const there = nodeIp === null ? {} : { [`node:${nodeIp}`]: shareOfNode }
  const bundles = devices.map((id) => ({ [resourceOf(id)]: 1, ...there }))
  return changeModels(args, (config) => ({
    ...config,
    ...(model === null ? {} : { accelerator_type: model }),
    ...(bundles.length === 0 ? {} : { placement_group_config: { bundles, strategy: 'PACK' } }),
  }))
}

/** Of the one that a node has: enough to be put there, and as many may share it as anybody wants. */
const shareOfNode = 0.001

/** `ray/10.0.0.1/GPU/0` is one of the resource `GPU`. */
const resourceOf = (device: string): string => device.split('/').at(-2) ?? 'GPU'

/** Null: not one of ours. */
export function carriedBy(details: ApplicationDetails, owner: string): CarriedIdentity | null {
  const text = details.deployed_app_config?.runtime_env?.env_vars?.[replicaVariable]
  if (text === undefined) return null
  try {
    const carried = JSON.parse(text) as CarriedIdentity
    return carried.owner === owner ? carried : null
  } catch {
    return null
  }
}

/** What keeps the application from serving. Null: nothing. */
export function waitingOf({ status, message, deployments }: ApplicationDetails): string | null {
  if (status === 'RUNNING') return null
  const troubles = Object.values(deployments).map((one) => one.message)
  const said = [message, ...troubles].find((text) => text !== '')?.split('\n')[0]
  const state = states[status] ?? status.toLowerCase()
  return said === undefined ? state : `${state}: ${said.slice(0, 300)}`
}

const states: Readonly<Record<string, string>> = {
  NOT_STARTED: 'Ray has not begun with it',
  DEPLOYING: 'Ray starts it',
  DELETING: 'Ray takes it down',
  UNHEALTHY: 'Ray starts it again',
  DEPLOY_FAILED: 'Ray could not start it',
}

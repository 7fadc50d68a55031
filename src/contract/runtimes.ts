import { z } from 'zod'
import { parseBytes } from '../core/units.ts'

const bytes = z.string().transform((text, context) => {
  try {
    return parseBytes(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'write it like 64GiB' })
    return z.NEVER
  }
})
const label = z.string().min(1).max(253)
const labels = z.record(label, z.string().max(253)).default({})

/** `dedicated=llm:no`, `dedicated:prefer-no`. */
const taint = z
  .string()
  .regex(/^[^=:\s]{1,253}(=[^=:\s]{0,63})?(:(no|prefer-no|evict))?$/, 'write it like dedicated=llm')
  .transform((text) => {
    const [head = '', effect = 'no'] = text.split(':')
    const [key = '', value = ''] = head.split('=')
    return { key, value, effect: effect as 'no' | 'prefer-no' | 'evict' }
  })

/** A part of this machine that is treated as a node of its own. */
export const nodeConfig = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, 'use lower case, digits, - and .'),
  /** A network namespace (`ip netns add NAME`) that its replicas run in; then `address` is theirs. */
  netns: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .optional(),
  address: z.string().min(1).max(253).default('127.0.0.1'),
  zone: z.string().min(1).max(253).optional(),
  labels,
  taints: z.array(taint).default([]),
  spot: z.boolean().default(false),
  /** US dollars an hour for all of it. */
  pricePerHour: z.number().min(0).optional(),
  /** Nodes that name the same share a fast network. */
  interconnect: z.string().min(1).max(253).optional(),
  cpus: z.number().positive().optional(),
  memory: bytes.optional(),
  /** Ids of the machine's devices that are this node's. Without it: all. */
  devices: z.array(z.string().min(1)).optional(),
  /** Accelerators that are only played, for the engine `simulated`: `h100:8`. */
  hardware: z
    .string()
    .regex(/^[a-z0-9][a-z0-9 ._/-]{0,62}(:[1-9]\d{0,3})?$/i, 'write it like h100 or h100:8')
    .optional(),
})
export type NodeConfig = z.infer<typeof nodeConfig>

/** A kind of accelerator that Baleen has no folder for: in words, not code. */
export const deviceConfig = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]{1,32}$/, 'use lower case, digits and -'),
  /** Those of this machine. */
  devices: z
    .array(z.strictObject({ id: z.string().min(1), model: z.string().min(1), memory: bytes }))
    .default([]),
  /** Environment that keeps a process to its devices; `{ids}` and `{indices}` stand for them, with commas. */
  pin: z.record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/), z.string()).default({}),
  /** Device files for a container; `{index}` stands for each device's own. */
  files: z.array(z.string().startsWith('/dev/')).default([]),
  kubernetes: z
    .strictObject({
      /** Of its device plugin: `xilinx.com/fpga`. */
      resource: z.string().min(3).max(253),
      modelLabel: label.optional(),
      memoryLabel: label.optional(),
      taint: label.optional(),
    })
    .optional(),
})
export type DeviceConfig = z.infer<typeof deviceConfig>

const docker = z.strictObject({
  kind: z.literal('docker'),
  /** Unix socket, or `http://HOST:PORT`. */
  host: z.string().min(1).default('/var/run/docker.sock'),
  /** Containers join it. Without it: Docker's default, with the port open on this machine alone. */
  network: z.string().min(1).optional(),
  zone: z.string().min(1).optional(),
  labels,
})

const kubernetes = z.strictObject({
  kind: z.literal('kubernetes'),
  /** Without it: KUBECONFIG, ~/.kube/config, or inside of a cluster its own account. */
  kubeconfig: z.string().min(1).optional(),
  /** Of the kubeconfig. Without it: the current one. */
  context: z.string().min(1).optional(),
  namespace: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'use lower-case letters, digits and dashes')
    .default('baleen'),
  /** Tells what belongs to this Baleen from what others run in the namespace. */
  owner: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'use lower-case letters, digits and dashes')
    .default('baleen'),
  /**
   * How gateways reach replicas. `service`: the address of a Service, inside of the cluster. `pod`: that of the pod,
   * where the pod network is routed. `node`: a port of the pod's node.
   */
  address: z.enum(['service', 'pod', 'node']).default('service'),
  /** Where engines find and keep models: a claim that many nodes may mount, or else a directory of each node. */
  models: z
    .strictObject({
      claim: z.string().optional(),
      hostPath: z.string().startsWith('/').optional(),
      /** Baleen's own models directory is that volume, under the same path: what it fetches is there for engines. */
      shared: z.boolean().optional(),
    })
    .prefault({}),
  /** A local queue of Kueue that admits replicas. */
  queue: z.string().min(1).max(63).optional(),
  priorityClass: z.string().min(1).max(253).optional(),
  runtimeClass: z.string().min(1).max(253).optional(),
  serviceAccount: z.string().min(1).max(253).optional(),
  imagePullSecrets: z.array(z.string().min(1).max(253)).default([]),
  /** US dollars an hour, by instance type (label `node.kubernetes.io/instance-type`). */
  prices: z.record(z.string(), z.number().min(0)).default({}),
})

const ray = z.strictObject({
  kind: z.literal('ray'),
  /** Of the dashboard, which has the Serve API. */
  address: z.url().default('http://127.0.0.1:8265'),
  /** Where gateways reach Serve's proxy. Without it: the dashboard's host and the port that Serve tells. */
  serve: z.url().optional(),
  /** Environment variable with the cluster's token, where it asks for one. */
  tokenVariable: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/)
    .optional(),
  zone: z.string().min(1).optional(),
  /** Ray itself moves the number of processes that each replica of Baleen's has. Without it: one. */
  autoscale: z
    .strictObject({
      min: z.int().min(1).max(1000).default(1),
      max: z.int().min(1).max(1000),
      /** Requests under way that each of them is to have. What Serve LLM has by itself, 1e9, never scales. */
      targetRequests: z.number().min(0.01).max(100_000).default(32),
    })
    .refine(({ min, max }) => min <= max, 'min is above max')
    .optional(),
})

const runtimeConfig = z.discriminatedUnion('kind', [docker, kubernetes, ray])
export type RuntimeConfig = z.infer<typeof runtimeConfig>
export type DockerConfig = z.infer<typeof docker>
export type KubernetesConfig = z.infer<typeof kubernetes>
export type RayConfig = z.infer<typeof ray>

/** `process` is this machine and always there. */
export const runtimesConfig = z.record(
  z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'use lower-case letters, digits and dashes')
    .refine(
      (name) => name !== 'process',
      'process is this machine and always there: choose another name',
    ),
  runtimeConfig,
)

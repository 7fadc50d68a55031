import { z } from 'zod'
import { parseBytes, parseDurationMs } from '../core/units.ts'
import { deploymentSpec } from './deployment.ts'
import { deviceConfig, nodeConfig, runtimesConfig } from './runtimes.ts'

function measured(parse: (text: string) => number, example: string) {
  return z.string(`write it like ${example}`).transform((text, context) => {
    try {
      return parse(text)
    } catch {
      context.addIssue({ code: 'custom', message: `write it like ${example}` })
      return z.NEVER
    }
  })
}
export const duration = measured(parseDurationMs, '500ms, 30s or 10m')
const bytes = measured(parseBytes, '16MiB')

/** The gateway: what clients talk to. */
const gateway = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(8080),
  /** Gateway processes sharing the port. `auto`: one a core, at most 4. */
  processes: z.union([z.literal('auto'), z.int().min(1).max(64)]).default('auto'),
  /** Longest accepted request body. */
  bodyMax: bytes.prefault('16MiB'),
  /** All request bodies held at once, per gateway process; above it new ones get 503. */
  bodiesMax: bytes.prefault('256MiB'),
  /** How long a request may wait for a model that is loading or down. */
  holdTimeout: duration.prefault('60s'),
  /** Longest silence of an engine before the request is given up. */
  idleTimeout: duration.prefault('300s'),
  /** Grace for requests in flight on SIGTERM. */
  drainTimeout: duration.prefault('30s'),
})

/** The control process: API, store, reconcile loop. */
const control = z.strictObject({
  host: z.string().default('127.0.0.1'),
  /** 0 takes any free port; the one taken stands in `run/control.json` of the data directory. */
  port: z.int().min(0).max(65_535).default(8081),
  /**
   * When Baleen is told to end, replicas that others run (Docker, Kubernetes, Ray) go on and the next Baleen adopts
   * them. Engines that are processes of this machine end in any case.
   */
  keepRunning: z.boolean().default(false),
})

const log = z.strictObject({
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
  /** What clients send reaches the logs of the gateways only where this is set; answers never do. */
  prompts: z.boolean().default(false),
})

const models = z.strictObject({
  /** Where pulled and converted models live. Default: `models` in the data directory. */
  directory: z.string().optional(),
  /** All of them together: `500GiB`. The longest unused go before a new one comes; what deployments use stays. */
  maxSize: bytes.optional(),
})

/** An engine that is installed on this machine, where `PATH` does not find it or another one is meant. */
const engine = z.strictObject({
  /** In place of the first word of its command. Absent: what `PATH` finds. */
  program: z.string().min(1).max(4096).optional(),
  environment: z.record(z.string(), z.string()).default({}),
})
export type EngineConfig = z.infer<typeof engine>

function refuseSameNames(
  specs: readonly { readonly name: string }[],
  context: z.RefinementCtx,
): void {
  const seen = new Set<string>()
  for (const [index, { name }] of specs.entries()) {
    const message = `another deployment above is named "${name}" as well`
    if (seen.has(name)) context.addIssue({ code: 'custom', path: [index, 'name'], message })
    seen.add(name)
  }
}

/** `config.yaml`. Every setting has a default: an empty file is a valid one. */
export const config = z.strictObject({
  /** Data directory. Flag `--data` and `BALEEN_DATA` win over it. */
  data: z.string().optional(),
  gateway: gateway.prefault({}),
  control: control.prefault({}),
  log: log.prefault({}),
  models: models.prefault({}),
  /** By name of `baleen engine list`. */
  engines: z.record(z.string(), engine).default({}),
  /** Parts of this machine that replicas are spread over. Without it: all of it as one node. */
  nodes: z.array(nodeConfig).max(1000).default([]),
  /** Other places where replicas run, by the name that deployments give. */
  runtimes: runtimesConfig.default({}),
  /** Accelerators that Baleen does not know. */
  devices: z.array(deviceConfig).default([]),
  /** Desired at start. A later change through the API stands until the entry here is edited. */
  deployments: z.array(deploymentSpec).superRefine(refuseSameNames).optional(),
})
export type Config = z.infer<typeof config>
export type ConfigInput = z.input<typeof config>

import type { DeploymentSpec } from '../contract/deployment.ts'

/** Everything an engine needs to know to start one replica. */
export interface ReplicaSpec {
  readonly id: string
  readonly deployment: DeploymentSpec
  /** Absolute path of the model file. */
  readonly modelPath: string
  readonly host: string
  readonly port: number
}

/** What a runtime has to run. Pure data: golden-tested per engine version. */
export interface LaunchPlan {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Container image for runtimes that need one. */
  readonly image: string | null
  readonly probe: { readonly path: string; readonly loadTimeoutMs: number }
  /** How long the engine may take to finish what is in flight after SIGTERM. */
  readonly drainMs: number
  /** Settings that this engine can't honour, in words. */
  readonly warnings: readonly string[]
}

/** What every engine's metrics come down to. Null: the engine does not tell. */
export interface EngineSignals {
  readonly running: number | null
  readonly waiting: number | null
  /** Share of KV memory in use, 0 to 1. */
  readonly kvUsage: number | null
  readonly promptTokensTotal: number | null
  readonly generationTokensTotal: number | null
  readonly prefixHitTokensTotal: number | null
  readonly prefixQueryTokensTotal: number | null
}

export interface EngineHealth {
  readonly state: 'loading' | 'ready' | 'failed'
  /** For a person: "loading the model, 40 %". */
  readonly reason: string
}

/** One folder, one registry line and the contract suite are all that a new engine costs. */
export interface Engine {
  readonly name: string
  readonly tasks: readonly DeploymentSpec['task'][]
  /** Pure: the same spec gives the same plan. */
  launch(spec: ReplicaSpec): LaunchPlan
  /** Reads one answer of the probe path. */
  readHealth(status: number, body: string): EngineHealth
  /** Reads the engine's metrics page. Unknown lines are ignored. */
  parseMetrics(text: string): EngineSignals
  readonly metricsPath: string | null
}

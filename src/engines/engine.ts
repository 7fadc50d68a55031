import type { DeploymentSpec } from '../contract/deployment.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Pairing } from './pairing.ts'

/** Everything an engine needs to know to start one replica. */
export interface ReplicaSpec {
  readonly id: string
  readonly deployment: DeploymentSpec
  /** Where the engine finds the model: an absolute path as it is seen where the engine runs, or a hub repository. */
  readonly modelPath: string
  readonly host: string
  readonly port: number
  /** Whose accelerators it gets: `nvidia`, `amd`, …, `cpu` for none. Absent: not known. */
  readonly vendor?: string
  /** Its place among the nodes that run one replica together. Absent: it runs on one. */
  readonly group?: NodeGroup
  /** What was found out about the engine where it is to run. Absent: nothing, the newest known one is meant. */
  readonly installed?: InstalledEngine
}

export interface NodeGroup {
  readonly nodes: number
  /** The leader alone serves HTTP. */
  readonly isLeader: boolean
}

/** Where the nodes of one replica meet. */
export const groupPort = 29_501

export interface InstalledEngine {
  /** Null: it did not tell. */
  readonly version: string | null
  /** Long flags that its help names. Null: it did not tell. */
  readonly flags: ReadonlySet<string> | null
}

/**
 * What a runtime has to run. Pure data: golden-tested per engine version. `{files}` in `argv` and `env` stands for the
 * directory where the runtime puts `files`; a first word `node` for Baleen's own Node. In a replica of several nodes
 * `{leader}` stands for the leader's address and `{rank}` for the node's own number, 0 being the leader; a value
 * `{address}` in `env` for where other replicas reach this one.
 */
export interface LaunchPlan {
  /** Empty: what the image starts by itself; or nothing at all, where the engine answers at `url`. */
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** By variable: where the value is kept. Runtimes fetch it last of all; no plan, log or argv holds it. */
  readonly secrets: Readonly<Record<string, SecretReference>>
  /** Small files that `argv` names, by name. */
  readonly files: Readonly<Record<string, string>>
  /** Container image for runtimes that need one. */
  readonly image: string | null
  /** An engine that somebody else runs. */
  readonly url: string | null
  /** The first one serves the API. */
  readonly ports: readonly { readonly name: string; readonly port: number }[]
  readonly probes: {
    readonly startup: Probe & { readonly loadTimeoutMs: number }
    readonly readiness: Probe
    /** Null: what is ready says enough. */
    readonly liveness: Probe | null
  }
  readonly drain: DrainPlan
  readonly devices: DeviceDemand
  readonly mounts: readonly Mount[]
  /** `/dev/shm` that its processes need to talk to each other. Null: what there is will do. */
  readonly sharedMemoryBytes: number | null
  /** What the other nodes run, where one replica spans several. Null: it does not. */
  readonly worker: LaunchPlan | null
  /** Settings that this engine can't honour, in words. */
  readonly warnings: readonly string[]
}

export interface SecretReference {
  readonly name: string
  /** Null: the secret has one value. */
  readonly key: string | null
}

export interface Probe {
  readonly path: string
  readonly periodMs: number
  readonly timeoutMs: number
  /** So many in a row count as a failure. */
  readonly failures: number
}

/** Traffic leaves, `preStopMs` go by, the signal is sent, and after `graceMs` more it is killed. */
export interface DrainPlan {
  readonly preStopMs: number
  readonly signal: 'SIGTERM' | 'SIGINT'
  /** How long the engine may take to finish what is in flight after the signal. */
  readonly graceMs: number
}

export interface DeviceDemand {
  /** Accelerators of all its nodes together. `any`: takes what it finds, and does without. */
  readonly count: number | 'any'
  readonly tensorParallel: number
  readonly pipelineParallel: number
  readonly dataParallel: number
  readonly expertParallel: number
}

export interface Mount {
  /** As the engine sees it. */
  readonly path: string
  /** `model`: read only, has to be there. `cache`: kept by node, may be lost. `scratch`: gone with the replica. */
  readonly kind: 'model' | 'cache' | 'scratch'
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
  /** Tokens of KV that all its ranks hold together. */
  readonly kvCapacityTokens: number | null
  readonly finishedTotal: number | null
  /** Sequences thrown out of memory to be computed again. */
  readonly preemptionsTotal: number | null
  readonly draftTokensTotal: number | null
  readonly acceptedTokensTotal: number | null
  readonly ttftSeconds: Sample | null
  readonly queueSeconds: Sample | null
}

/** What a histogram adds up to. */
export interface Sample {
  readonly sum: number
  readonly count: number
}

/** How an engine speaks of the adapters of its settings. */
export interface AdapterDialect {
  /** What has to be named as the model; `model`: what it calls the model itself. */
  nameOf(model: string, adapter: string): string
  /** With `lora.dynamic: on` one that runs takes them, and lets them go. Absent: they come with its start alone. */
  readonly calls?: {
    load(name: string, path: string): EngineCall
    unload(name: string): EngineCall
  }
}

/** A POST. */
export interface EngineCall {
  readonly path: string
  readonly body: object
}

/** How a replica ended. */
export interface EngineEnd {
  readonly exitCode: number | null
  readonly signal: string | null
  /** Last lines of its log. */
  readonly logTail: string
}

export interface StartFailure {
  readonly code: ErrorCode
  /** What happened, in one clause. */
  readonly message: string
  /** What to do about it, where more is known than the code's own hint says. */
  readonly mend: string | null
}

export interface EngineHealth {
  readonly state: 'loading' | 'ready' | 'failed'
  /** For a person: "loading the model, 40 %". */
  readonly reason: string
}

/** One folder, one registry line and the contract suite are all that a new engine costs. */
export interface Engine {
  readonly name: string
  /** In a few words. */
  readonly about: string
  readonly tasks: readonly DeploymentSpec['task'][]
  /** `file`: Baleen fetches the model and hands out its path. `reference`: the engine makes of `model` what it can. */
  readonly takes: 'file' | 'reference'
  /** Pure: the same spec gives the same plan. */
  launch(spec: ReplicaSpec): LaunchPlan
  /** Reads one answer of the probe path. */
  readHealth(status: number, body: string): EngineHealth
  /**
   * Reads the engine's metrics page. Unknown lines are ignored. `replicas`: whose series count, where a page has those of
   * several.
   */
  parseMetrics(text: string, replicas?: ReadonlySet<string>): EngineSignals
  readonly metricsPath: string | null
  /** Where that path is: at the engine's API, or where the runtime says. */
  readonly metricsAt: 'api' | 'runtime'
  /** One replica of it can run on several nodes together. Absent: it can't. */
  readonly spansNodes?: boolean
  /**
   * How the gateway speaks to its replicas where some read prompts and others write answers. Null: in no way that it
   * knows. Absent: it has no such roles, or a router of its own.
   */
  pairing?(deployment: DeploymentSpec): Pairing | null
  /** Absent: it knows no adapter by name. */
  readonly adapters?: AdapterDialect
  /** Why it ended, read from its log. Null: for no reason that is known. */
  explainFailure(end: EngineEnd): StartFailure | null
  /** Arguments after the program that make it tell its version and its flags. Null: it can't be asked. */
  readonly inspection: {
    readonly version: readonly string[] | null
    readonly help: readonly string[] | null
  } | null
  /** Settings that reach it, by dotted name; each maybe not in all versions or with all values. */
  readonly honours: readonly string[]
}

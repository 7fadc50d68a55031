import type { DeploymentSpec } from '../../contract/deployment.ts'
import type { AdapterDialect, Engine, EngineHealth, LaunchPlan } from '../engine.ts'
import type { FailureRule } from './failures.ts'
import type { Rule, RuleContext } from './rule.ts'
import type { SignalTable } from './signals.ts'
import type { WrittenSettings } from './write-settings.ts'

export interface TableContext extends RuleContext {
  /** What clients write as the model. */
  readonly servedName: string
}

/** An engine as data: one folder holds one of these. */
export interface EngineTable {
  readonly name: string
  /** For `baleen engine list`: what it is, in a few words. */
  readonly about: string
  readonly tasks: readonly DeploymentSpec['task'][]
  /** Arguments after the program that make it tell its version and its flags. */
  readonly inspection?: Engine['inspection']
  /** Default: `reference`, a hub repository, a path or a URL. */
  readonly takes?: 'file' | 'reference'
  /** Whose flags are written where nobody says which version, and nothing was found out. */
  readonly newestVersion: string
  /** By vendor, `{version}` filled in; `any` for the rest. Null: there is none. */
  readonly images: Readonly<Partial<Record<string, string>>> | null
  /** Program and what has to be said always; what rules have written follows. */
  command(context: TableContext, written: WrittenSettings): Command
  readonly rules: readonly Rule[]
  /** Why there is no rule for a setting, with what to do instead. */
  readonly why?: Readonly<Record<string, string>>
  /** Flags that deployments may not add, beside those that rules and `command` write; blanks between. */
  readonly forbiddenFlags?: string
  /** False: it has no command line to add to. Default true. */
  readonly takesArguments?: boolean
  readonly health: HealthTable
  readonly metricsPath: string | null
  /** Label that tells replicas apart on a page of several, which the runtime knows of. Absent: its API has a page of its own. */
  readonly replicaLabel?: string
  readonly signals: SignalTable
  /** In place of `signals` where the page is no Prometheus text. */
  readonly readPage?: (text: string) => string
  readonly failures?: readonly FailureRule[]
  readonly drain: DrainTable
  readonly loadTimeoutS?: number
  readonly caches?: readonly string[]
  /** `/dev/shm` once several devices work together, GiB. */
  readonly sharedMemoryGiB?: number
  /** Its command heeds `spec.group`. */
  readonly spansNodes?: true
  /** As in `Engine`. */
  readonly pairing?: Engine['pairing']
  readonly adapters?: AdapterDialect
  /** Uses all devices that it is given, however many, without being told to. */
  readonly dividesItself?: true
  /** How the engine counts devices. Default: tensor × pipeline × data parallel. */
  devices?(context: TableContext): LaunchPlan['devices']
}

export interface Command {
  readonly argv: readonly string[]
  /** What rules have written is in it already, or in a file. */
  readonly isWhole?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string>>
  readonly ports?: LaunchPlan['ports']
  readonly url?: string
  readonly warnings?: readonly string[]
}

export interface HealthTable {
  readonly path: string | ((context: TableContext) => string)
  /** Asks whether the model itself still moves; seldom, since it costs a token. */
  readonly livenessPath?: string
  /** Statuses that mean "not yet". */
  readonly loading: readonly number[]
  /** Null: as the statuses say. */
  read?(status: number, body: string): EngineHealth | null
}

export interface DrainTable {
  readonly timeoutS: number
  /** What it takes beyond finishing answers. */
  readonly extraS: number
  /**
   * `signal`: it finishes what is in flight by itself. `before`: the signal cuts answers off, so that they have to end
   * before it is sent.
   */
  how(context: RuleContext): 'signal' | 'before'
  /** Flag or variable that tells it how long; seconds. */
  tell?(
    timeoutS: number,
    context: RuleContext,
  ): { readonly argv?: readonly string[]; readonly env?: Readonly<Record<string, string>> }
}

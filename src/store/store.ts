import type { DeploymentSpec } from '../contract/deployment.ts'
import type { InjectionDocument, InjectionHead } from '../contract/injection-head.ts'
import type { JournalClose } from '../contract/journal.ts'

/**
 * What control remembers. Every call is one transaction, durable when it resolves. One control holds a store at a
 * time; errors: `store/locked`, `store/unavailable`, `store/newer-schema`, `machine/disk-full`.
 */
export interface Store {
  readonly kind: 'sqlite' | 'postgres'
  readonly deployments: DeploymentQueries
  readonly nodes: NodeQueries
  readonly keys: KeyQueries
  readonly requests: RequestQueries
  readonly injections: InjectionQueries
  close(): Promise<void>
}

/** Who changed something and why: kept with every revision. */
export interface Change {
  /** `config`, `admin`, or the id of a key. */
  readonly by: string
  readonly why: string
  readonly atMs: number
}

export interface StoredDeployment {
  readonly spec: DeploymentSpec
  readonly revision: number
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** Null: the newest revision has taken over. */
  readonly rollout: StoredRollout | null
}

/** How far the newest revision of a deployment has come. */
export interface StoredRollout {
  /** What serves until then, and what is gone back to. Null: no revision has proven itself yet. */
  readonly from: { readonly revision: number; readonly spec: DeploymentSpec } | null
  /** Index into the spec's steps; their number: it takes over. */
  readonly step: number
  /** Since when the step has what it needs. Null: not yet. */
  readonly bakingSinceMs: number | null
  /** Why it does not go on by itself. Null: it does. */
  readonly paused: string | null
}

interface RevisionOutcome {
  readonly kind: 'promoted' | 'rolled-back' | 'superseded'
  readonly reason: string
  readonly atMs: number
}

export interface StoredRevision extends Change {
  readonly revision: number
  /** Null: this revision deleted the deployment. */
  readonly spec: DeploymentSpec | null
  /** Null: it is still taking over. */
  readonly outcome: RevisionOutcome | null
}

/** An entry of the config file and the hash it was last applied with. */
export interface ConfigEntry {
  readonly name: string
  readonly hash: string
}

export type DeploymentChange =
  | { readonly kind: 'put'; readonly spec: DeploymentSpec }
  | { readonly kind: 'delete'; readonly name: string }

export interface DeploymentQueries {
  /** In the order of creation. */
  list(): Promise<readonly StoredDeployment[]>
  /** Error: `deployment/conflict` where the name is taken. */
  create(spec: DeploymentSpec, change: Change): Promise<StoredDeployment>
  /** Errors: `deployment/not-found`; `deployment/conflict` where `ifRevision` is no longer the current one. */
  update(spec: DeploymentSpec, change: Change, ifRevision: number | null): Promise<StoredDeployment>
  /** Error: `deployment/not-found`. */
  remove(name: string, change: Change): Promise<void>
  /** Changes how far the revision has come; nothing where it is no longer the newest. */
  setRollout(
    name: string,
    revision: number,
    state: Pick<StoredRollout, 'step' | 'bakingSinceMs' | 'paused'>,
  ): Promise<void>
  /** The revision has taken over; nothing where it is no longer the newest. */
  promote(name: string, revision: number, reason: string, atMs: number): Promise<void>
  /**
   * Goes back to what served before, as a revision of its own that has proven itself. Errors: `deployment/not-found`;
   * `deployment/conflict` where there is nothing to go back to or the revision is no longer the newest.
   */
  rollBack(name: string, revision: number, change: Change): Promise<StoredDeployment>
  /** Newest first; also of a deleted deployment. */
  history(name: string): Promise<readonly StoredRevision[]>
  /** Entries of the config file as last applied. */
  configEntries(): Promise<readonly ConfigEntry[]>
  /** All of it or nothing. */
  applyConfig(
    changes: readonly DeploymentChange[],
    entries: readonly ConfigEntry[],
    change: Change,
  ): Promise<void>
}

/** A node that a person has taken out: nothing new starts there and what runs moves away. */
export interface DrainedNode extends Change {
  readonly name: string
}

export interface NodeQueries {
  drained(): Promise<readonly DrainedNode[]>
  drain(name: string, change: Change): Promise<void>
  /** Nothing where it is not drained. */
  restore(name: string): Promise<void>
}

export interface StoredKey {
  readonly id: string
  /** SHA-256 of the whole key, hex. */
  readonly hash: string
  readonly prefix: string
  readonly name: string
  readonly routes: readonly string[] | null
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly expiresAtMs: number | null
  readonly isAdmin: boolean
  readonly createdAtMs: number
}

export type StoredKeyPatch = {
  readonly [Field in 'name' | 'routes' | 'requestsPerMinute' | 'tokensPerMinute' | 'expiresAtMs']?:
    | StoredKey[Field]
    | undefined
}

export interface KeyQueries {
  /** In the order of creation. */
  list(): Promise<readonly StoredKey[]>
  create(key: StoredKey): Promise<void>
  /** Fields left out stay. Error: `key/not-found`. */
  update(id: string, patch: StoredKeyPatch): Promise<StoredKey>
  /** Error: `key/not-found`. */
  remove(id: string): Promise<void>
}

/** A finished request: its wide event. */
export type StoredRequest = Omit<JournalClose, 't'>

/** Usage is summed by the hour: those that the time touches count as a whole. */
interface UsageQuery {
  readonly by: 'key' | 'route' | 'deployment'
  readonly sinceMs: number
  readonly untilMs: number
}

interface UsageSum {
  readonly group: string
  readonly requests: number
  /** Those that ended `failed` or `timeout`. */
  readonly failed: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
}

export interface InjectionQueries {
  /** One that is kept already stays as it is. */
  keep(injection: {
    readonly head: InjectionHead
    readonly document: InjectionDocument
  }): Promise<void>
  /** Newest first. */
  list(query: { limit: number }): Promise<readonly InjectionHead[]>
  /** Error: `injection/not-found`. */
  get(id: string): Promise<InjectionDocument>
  /** Error: `injection/not-found`. */
  remove(id: string): Promise<void>
}

interface JournalOffset {
  /** Name of the journal file. */
  readonly file: string
  /** Bytes of it that never need to be read again. */
  readonly offset: number
}

export interface RequestQueries {
  /** Stores requests and how far the file was read together. A request already there stays as it is. */
  replay(requests: readonly StoredRequest[], offset: JournalOffset): Promise<void>
  journalOffsets(): Promise<readonly JournalOffset[]>
  /** The file is gone: forget its offset. */
  forgetJournal(file: string): Promise<void>
  /** Newest first. */
  recent(query: { limit: number; route?: string | undefined }): Promise<readonly StoredRequest[]>
  /** Largest groups first. */
  usage(query: UsageQuery): Promise<readonly UsageSum[]>
}

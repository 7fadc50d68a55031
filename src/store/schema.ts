import type { JournalClose } from '../contract/journal.ts'

/**
 * Tables as both databases hold them: text, integers (`bigint` for times and counts) and doubles only. Booleans are 0
 * and 1, lists and specs are JSON text.
 */
export interface Schema {
  deployments: DeploymentTable
  deployment_revisions: RevisionTable
  rollouts: RolloutTable
  revision_outcomes: OutcomeTable
  drained_nodes: DrainedNodeTable
  config_entries: ConfigEntryTable
  keys: KeyTable
  requests: RequestTable
  usage_hours: UsageHourTable
  journal_offsets: JournalOffsetTable
  injections: InjectionTable
}

interface DeploymentTable {
  name: string
  /** Order of creation: times alone may tie. */
  position: number
  revision: number
  spec: string
  created_at_ms: number
  updated_at_ms: number
}

interface RevisionTable {
  deployment: string
  revision: number
  spec: string | null
  changed_by: string
  why: string
  at_ms: number
}

/** Deployments whose newest revision has not taken over yet. */
interface RolloutTable {
  deployment: string
  /** Null: no revision has proven itself yet. */
  from_revision: number | null
  step: number
  baking_since_ms: number | null
  paused: string | null
}

interface OutcomeTable {
  deployment: string
  revision: number
  outcome: 'promoted' | 'rolled-back' | 'superseded'
  reason: string
  at_ms: number
}

interface DrainedNodeTable {
  name: string
  changed_by: string
  why: string
  at_ms: number
}

interface ConfigEntryTable {
  name: string
  hash: string
}

export interface KeyTable {
  id: string
  position: number
  hash: string
  prefix: string
  name: string
  routes: string | null
  requests_per_minute: number | null
  tokens_per_minute: number | null
  expires_at_ms: number | null
  is_admin: number
  created_at_ms: number
}

export interface RequestTable {
  id: string
  client_id: string | null
  at_ms: number
  key_id: string
  route: string
  endpoint: JournalClose['endpoint']
  stream: number
  deployment: string | null
  replica: string | null
  outcome: JournalClose['outcome']
  status: number
  error: string | null
  prompt_tokens: number
  completion_tokens: number
  cached_tokens: number
  is_estimated: number
  ttft_ms: number | null
  e2e_ms: number
  hold_ms: number
  itl_ms_mean: number | null
  attempts: number
  request_bytes: number
  response_bytes: number
}

/** Sums of `requests`, kept up with it: a question about a year must not hold the process that asks. */
export interface UsageHourTable {
  hour_ms: number
  key_id: string
  route: string
  /** Empty: the request reached none. */
  deployment: string
  requests: number
  failed: number
  prompt_tokens: number
  completion_tokens: number
  cached_tokens: number
}

interface InjectionTable {
  id: string
  started_at_ms: number
  /** What lists show. */
  head: string
  document: string
}

interface JournalOffsetTable {
  file: string
  offset_bytes: number
}

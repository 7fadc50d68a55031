import { deploymentSpec, type DeploymentSpec } from '../contract/deployment.ts'
import type { Change, StoredKey, StoredRequest } from './store.ts'

/** Rows as the store's tests write them: a test names only what it is about. */
export const spec = (name: string, changes: Partial<DeploymentSpec> = {}): DeploymentSpec => ({
  ...deploymentSpec.parse({ name, model: 'bundled:minimind2-small' }),
  ...changes,
})

export const change = (atMs: number, by = 'admin', why = 'a test'): Change => ({ by, why, atMs })

export const key = (id: string, changes: Partial<StoredKey> = {}): StoredKey => ({
  id,
  hash: `hash-of-${id}`,
  prefix: 'bln_abcd',
  name: id,
  routes: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  expiresAtMs: null,
  isAdmin: false,
  createdAtMs: 1,
  ...changes,
})

export const request = (id: string, changes: Partial<StoredRequest> = {}): StoredRequest => ({
  id,
  clientId: null,
  atMs: 5,
  key: 'key_1',
  route: 'chat',
  endpoint: 'chat',
  stream: false,
  deployment: 'ant',
  replica: 'ant-1',
  outcome: 'ok',
  status: 200,
  error: null,
  promptTokens: 3,
  completionTokens: 5,
  cachedTokens: 0,
  isEstimated: false,
  ttftMs: 1.5,
  e2eMs: 20.25,
  holdMs: 0,
  itlMsMean: null,
  attempts: 1,
  requestBytes: 100,
  responseBytes: 200,
  ...changes,
})

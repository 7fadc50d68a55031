import { z } from 'zod'
import {
  deploymentList,
  engineList,
  keyCreated,
  keyList,
  keyView,
  requestList,
  nodeList,
  nodeView,
  revisionList,
  statusView,
  usageList,
  type EngineView,
  type KeyCreated,
  type KeyInput,
  type KeyPatch,
  type KeyView,
  type RequestView,
  type NodeView,
  type RevisionView,
  type RollbackInput,
  type RolloutAction,
  type StatusView,
  type UsageRow,
} from '../contract/api.ts'
import { deploymentView, type DeploymentSpec, type DeploymentView } from '../contract/deployment.ts'
import {
  injectionDocument,
  injectionHead,
  injectionList,
  type InjectionDocument,
  type InjectionHead,
} from '../contract/injection-head.ts'
import { AppError } from '../core/errors.ts'
import { asConnectionError, send as sendAnywhere, type Call } from './http.ts'

/** Control's REST API as commands use it. Answers are checked against the contract. */
export interface ControlClient {
  status(): Promise<StatusView>
  deployments(): Promise<readonly DeploymentView[]>
  deployment(name: string): Promise<DeploymentView>
  /** Creates it, or replaces what is there under that name; where nothing differs what failed is tried again now. */
  putDeployment(spec: DeploymentSpec, why?: string): Promise<DeploymentView>
  /** Newest first. */
  history(name: string): Promise<readonly RevisionView[]>
  rollback(name: string, input: RollbackInput): Promise<DeploymentView>
  rollout(name: string, action: RolloutAction): Promise<DeploymentView>
  engines(): Promise<readonly EngineView[]>
  nodes(): Promise<readonly NodeView[]>
  drainNode(name: string, why?: string): Promise<NodeView>
  restoreNode(name: string): Promise<NodeView>
  scale(name: string, replicas: number): Promise<DeploymentView>
  removeDeployment(name: string): Promise<void>
  /** Log lines of a replica or of all replicas of a deployment, as they come. */
  logs(name: string, options: { lines: number; follow: boolean }): AsyncIterable<string>
  keys(): Promise<readonly KeyView[]>
  createKey(input: Partial<KeyInput> & { name: string }): Promise<KeyCreated>
  editKey(id: string, patch: KeyPatch): Promise<KeyView>
  removeKey(id: string): Promise<void>
  usage(query: { by: string; sinceMs: number }): Promise<readonly UsageRow[]>
  /** Finished requests, newest first. */
  requests(query: { route: string; limit: number }): Promise<readonly RequestView[]>
  /** Newest first. */
  injections(limit: number): Promise<readonly InjectionHead[]>
  injection(id: string): Promise<InjectionDocument>
  putInjection(document: InjectionDocument): Promise<void>
  removeInjection(id: string): Promise<void>
}

export interface ControlOptions {
  readonly url: string
  readonly token: string
  readonly timeoutMs: number
  readonly interrupt: AbortSignal
}

export function createControlClient(options: ControlOptions): ControlClient {
  const base = `${options.url.replace(/\/$/, '')}/api/v1`
  const callOf = (method: string, path: string, body?: unknown): Call => ({
    ...options,
    method,
    url: `${base}${path}`,
    ...(body === undefined ? {} : { body }),
  })
  async function ask<T extends z.ZodType>(
    schema: T,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<z.output<T>> {
    const call = callOf(method, path, body)
    const response = await send(call)
    const answer: unknown = await response.json().catch((thrown: unknown) => {
      throw asConnectionError(thrown, call)
    })
    const parsed = schema.safeParse(answer)
    if (parsed.success) return parsed.data
    throw new AppError('cli/bad-answer', {
      message: `${method} ${call.url}: ${z.prettifyError(parsed.error)}`,
    })
  }
  const named = (kind: string, name: string) => `/${kind}/${encodeURIComponent(name)}`

  return {
    status: () => ask(statusView, 'GET', '/status'),
    deployments: async () => (await ask(deploymentList, 'GET', '/deployments')).deployments,
    deployment: (name) => ask(deploymentView, 'GET', named('deployments', name)),
    putDeployment: (spec, why) => {
      const query = `?retry=true${why === undefined ? '' : `&why=${encodeURIComponent(why)}`}`
      return ask(deploymentView, 'PUT', named('deployments', spec.name) + query, spec)
    },
    history: async (name) =>
      (await ask(revisionList, 'GET', `${named('deployments', name)}/revisions`)).revisions,
    rollback: (name, input) =>
      ask(deploymentView, 'POST', `${named('deployments', name)}/rollback`, input),
    rollout: (name, action) =>
      ask(deploymentView, 'POST', `${named('deployments', name)}/rollout`, { action }),
    engines: async () => (await ask(engineList, 'GET', '/engines')).engines,
    nodes: async () => (await ask(nodeList, 'GET', '/nodes')).nodes,
    drainNode: (name, why) => ask(nodeView, 'POST', `${named('nodes', name)}/drain`, { why }),
    restoreNode: (name) => ask(nodeView, 'DELETE', `${named('nodes', name)}/drain`),
    scale: (name, replicas) =>
      ask(deploymentView, 'POST', `${named('deployments', name)}/scale`, { replicas }),
    async removeDeployment(name) {
      await (await send(callOf('DELETE', named('deployments', name)))).arrayBuffer()
    },
    async *logs(name, { lines, follow }) {
      const path = `${named('logs', name)}?lines=${lines}&follow=${follow}`
      const call = { ...callOf('GET', path), isEndless: follow }
      const response = await send(call)
      yield* linesOf(response, call)
    },
    keys: async () => (await ask(keyList, 'GET', '/keys')).keys,
    createKey: (input) => ask(keyCreated, 'POST', '/keys', input),
    editKey: (id, patch) => ask(keyView, 'PATCH', named('keys', id), patch),
    async removeKey(id) {
      await (await send(callOf('DELETE', named('keys', id)))).arrayBuffer()
    },
    usage: async ({ by, sinceMs }) =>
      (await ask(usageList, 'GET', `/usage?by=${by}&sinceMs=${sinceMs}`)).usage,
    requests: async ({ route, limit }) =>
      (await ask(requestList, 'GET', `/requests?route=${encodeURIComponent(route)}&limit=${limit}`))
        .requests,
    injections: async (limit) =>
      (await ask(injectionList, 'GET', `/injections?limit=${limit}`)).injections,
    injection: (id) => ask(injectionDocument, 'GET', named('injections', id)),
    async putInjection(document) {
      await ask(injectionHead, 'PUT', named('injections', document.id), document)
    },
    async removeInjection(id) {
      await (await send(callOf('DELETE', named('injections', id)))).arrayBuffer()
    },
  }
}

/** What is not control, such as a gateway, knows none of its paths. */
const send = (call: Call): Promise<Response> =>
  sendAnywhere(call).catch((thrown: unknown) => {
    if (!(thrown instanceof AppError) || thrown.code !== 'request/unknown-path') throw thrown
    throw new AppError('cli/bad-answer', {
      message: `${new URL(call.url).origin} is not the control API`,
      hint: 'Name its port (8081 unless the config says otherwise), not that of the gateway.',
      cause: thrown,
    })
  })

/** Lines of a body as they come. Ends quietly where the person ends it. */
export async function* linesOf(
  response: Response,
  call: Pick<Call, 'url' | 'interrupt'>,
): AsyncGenerator<string> {
  let pending = ''
  const decoder = new TextDecoder()
  try {
    for await (const chunk of response.body ?? []) {
      const lines = (pending + decoder.decode(chunk, { stream: true })).split('\n')
      pending = lines.pop() ?? ''
      yield* lines
    }
  } catch (thrown) {
    throw asConnectionError(thrown, call)
  }
  if (pending !== '') yield pending
}

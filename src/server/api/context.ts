import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import type { EngineView, NodeView, StatusView } from '../../contract/api.ts'
import type { Clock } from '../../core/clock.ts'
import type { Deployer } from '../../deployer/deployer.ts'
import type { Runtime } from '../../runtimes/runtime.ts'
import type { InjectionQueries, RequestQueries } from '../../store/store.ts'
import type { Registry } from '../control/registry.ts'

/** What the routes work on. */
export interface ApiContext {
  readonly registry: Registry
  readonly deployer: Pick<Deployer, 'deployments' | 'replicas' | 'nodes' | 'lastEnded' | 'retry'>
  readonly requests: Pick<RequestQueries, 'recent' | 'usage'>
  readonly injections: InjectionQueries
  readonly logs: Runtime['logs']
  /** Looks anew: one may have been installed a moment ago. */
  readonly engines: () => Promise<readonly EngineView[]>
  /** Of a runtime, by its name. */
  readonly kindOf: (runtime: string) => NodeView['kind']
  readonly clock: Clock
  readonly status: Omit<StatusView, 'deployments'>
  /** Refuses what could never run. Throws `engine/unknown`, `request/unsupported`, `model/…`. */
  checkEngine(spec: DeploymentSpec): void
  checkModel(spec: DeploymentSpec): Promise<void>
}

export type Scope = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>

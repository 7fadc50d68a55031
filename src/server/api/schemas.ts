import { z } from 'zod'
import {
  errorBody,
  nodeView,
  keyCreated,
  keyInput,
  keyPatch,
  keyView,
  requestView,
  revisionView,
  statusView,
  usageRow,
} from '../../contract/api.ts'
import { deploymentSpec, deploymentView, replicaView } from '../../contract/deployment.ts'

const named = {
  Deployment: deploymentView,
  DeploymentSpec: deploymentSpec,
  Error: errorBody,
  Key: keyView,
  KeyCreated: keyCreated,
  NewKey: keyInput,
  Node: nodeView,
  KeyChange: keyPatch,
  Replica: replicaView,
  Request: requestView,
  Revision: revisionView,
  Status: statusView,
  UsageRow: usageRow,
}

/** Gives the shapes of the contract the names that the OpenAPI document uses. */
export function registerSchemas(): void {
  for (const [id, schema] of Object.entries(named))
    if (!z.globalRegistry.has(schema)) z.globalRegistry.add(schema, { id })
}

/** Every route may answer with an error in the one form. */
export const errors = { '4xx': errorBody, '5xx': errorBody }

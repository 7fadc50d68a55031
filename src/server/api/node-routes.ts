import { z } from 'zod'
import { drainInput, nodeList, nodeView, type NodeView } from '../../contract/api.ts'
import { isInUse, type Device } from '../../core/device.ts'
import { AppError } from '../../core/errors.ts'
import type { ApiContext, Scope } from './context.ts'
import { errors } from './schemas.ts'

const nameParams = z.object({ name: z.string() })
const tags = ['nodes']

/** Where replicas run, and taking a node out for maintenance. */
export function nodeRoutes(scope: Scope, { registry, deployer, clock, kindOf }: ApiContext): void {
  const views = (): NodeView[] => {
    const replicas = deployer.replicas()
    const drained = new Map(registry.drained().map((one) => [one.name, one]))
    return deployer.nodes().map((node) => {
      const drain = drained.get(node.name)
      const here = replicas.filter((one) => one.node === node.name)
      return {
        name: node.name,
        runtime: node.runtime,
        kind: kindOf(node.runtime),
        zone: node.zone,
        state: drain && node.state !== 'gone' ? 'drained' : node.state,
        reason: drain ? `${drain.why} (${drain.by})` : node.reason,
        isSpot: node.isSpot,
        pricePerHourUsd: node.pricePerHourUsd,
        devices: node.devices.map((device) => {
          const { id, vendor, model, memoryBytes } = device
          const holders = here.filter(({ devices }) => devices.includes(id)).map((one) => one.id)
          return {
            id,
            vendor,
            model,
            memoryBytes,
            state: stateOf(device, holders.length > 0),
            replicas: holders,
          }
        }),
        replicas: here.map(({ id }) => id),
      }
    })
  }
  const viewOf = (name: string): NodeView => {
    const found = views().find((one) => one.name === name)
    if (found) return found
    const names = deployer.nodes().map((one) => one.name)
    throw new AppError('node/not-found', {
      message: `no node is named "${name}"; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`,
      param: 'name',
    })
  }

  scope.get(
    '/nodes',
    { schema: { tags, summary: 'List nodes', response: { 200: nodeList, ...errors } } },
    async () => ({ nodes: views() }),
  )
  scope.post(
    '/nodes/:name/drain',
    {
      schema: {
        tags,
        summary: 'Take a node out: its replicas are replaced elsewhere, then end',
        params: nameParams,
        body: drainInput,
        response: { 200: nodeView, ...errors },
      },
    },
    async ({ params: { name }, body: { why }, by }) => {
      viewOf(name)
      await registry.drain(name, { by, why, atMs: clock.nowMs() })
      return viewOf(name)
    },
  )
  scope.delete(
    '/nodes/:name/drain',
    {
      schema: {
        tags,
        summary: 'Put a drained node back',
        params: nameParams,
        response: { 200: nodeView, ...errors },
      },
    },
    async ({ params: { name } }) => {
      viewOf(name)
      await registry.restore(name)
      return viewOf(name)
    },
  )
}

function stateOf(device: Device, isHeld: boolean): NodeView['devices'][number]['state'] {
  if (device.fault !== null) return 'faulty'
  if (isHeld) return 'held'
  return isInUse(device) ? 'foreign' : 'free'
}

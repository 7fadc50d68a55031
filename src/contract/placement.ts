import { z } from 'zod'
import { bytesText } from './quantity.ts'

/** `h100`, `h100:2`: accelerators of one replica, by a name of the catalogue or one that a node says. */
export const hardwareDemand = z
  .string()
  .regex(/^[a-z0-9][a-z0-9 ._/-]{0,62}(:[1-9]\d{0,3})?$/i, 'write it like h100 or h100:2')

export interface Hardware {
  readonly accelerator: string
  readonly count: number
}

export function parseHardware(demand: string): Hardware {
  const [accelerator = '', count = '1'] = demand.split(':')
  return { accelerator, count: Number(count) }
}

const label = z.string().min(1).max(253)
const deploymentName = z.string().min(1).max(63)

/** Which nodes may run a replica, and which of those are liked better. */
export const placementSpec = z.strictObject({
  /** In any of these runtimes, the first one first. Empty: in the deployment's `runtime`. */
  clusters: z.array(label).max(100).default([]),
  /** Labels that a node must have: `disk: nvme`. */
  labels: z.record(label, z.string().max(253)).default({}),
  /** Taints of nodes that it may run on all the same: `dedicated=llm`, or `dedicated` with any value. */
  tolerates: z.array(label).max(100).default([]),
  /** Keeps replicas of this deployment apart. `required`: rather none than two at one place. */
  spread: z
    .strictObject({
      over: z.enum(['none', 'node', 'zone']).default('zone'),
      mode: z.enum(['preferred', 'required']).default('preferred'),
    })
    .prefault({}),
  /** Never on a node with a replica of these deployments. */
  awayFrom: z.array(deploymentName).max(100).default([]),
  /** May run on machines that can be taken away at short notice. */
  spot: z.boolean().default(false),
  /** Highest price of one device, USD an hour. Null: no limit. */
  priceMax: z.number().positive().nullable().default(null),
  /** Machines that one replica spans; `hardware` counts the devices of all of them together. */
  nodes: z.int().min(1).max(64).default(1),
  /** Takes a part of each device and leaves the rest to others. Null: whole devices. */
  share: z
    .strictObject({
      /** Memory on each device. */
      memory: bytesText,
      /**
       * Share of each device's time that it needs when it works, 0 to 1. Engines on one device take even turns: each of n
       * gets 1/n, so that n of them fit where none needs more.
       */
      compute: z.number().min(0).max(1).default(0.5),
    })
    .nullable()
    .default(null),
})
export type PlacementSpec = z.infer<typeof placementSpec>

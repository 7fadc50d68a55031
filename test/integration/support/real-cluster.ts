import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { controlPlaneProgram, startControlPlane, type ControlPlane } from './control-plane.ts'
import { startDns } from './dns.ts'
import { makeImages } from './image.ts'
import {
  closeNetwork,
  openNetwork,
  planeAddress,
  startNode,
  whyNoNodes,
  type ClusterNode,
} from './node.ts'

/** A real control plane with real nodes; only DNS is a stand-in, and there are no GPUs. */
export interface RealCluster {
  readonly plane: ControlPlane
  readonly nodes: readonly ClusterNode[]
  /** For files of the test; goes with the cluster. */
  readonly folder: string
  pods(namespace: string): Promise<readonly PodObject[]>
  stop(): Promise<void>
}

export interface PodObject {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly labels: Readonly<Record<string, string>>
    readonly deletionTimestamp?: string
  }
  readonly spec: { readonly nodeName?: string }
  readonly status: {
    readonly phase: string
    readonly podIP?: string
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}

const program = controlPlaneProgram()

/** Null: this machine can have one. */
export const whyNoCluster: string | null = 'missing' in program ? program.missing : whyNoNodes()

export const isReady = ({ status }: PodObject): boolean =>
  status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true

/** `vllm`: what its image has for a program of that name, a shell script. Nodes are `node-1`, … each in a zone of its own. */
export async function startCluster(
  count: number,
  vllm = '#!/bin/sh\nexit 1\n',
): Promise<RealCluster> {
  // Short: it holds sockets, whose paths may not be long.
  const folder = mkdtempSync(join(tmpdir(), 'blk-'))
  const kubernetes = 'path' in program ? program.path : ''
  const images = await makeImages(folder, vllm)
  openNetwork()
  const plane = await startControlPlane(kubernetes, planeAddress)
  const dns = await startDns(plane, planeAddress).catch(async (thrown: unknown) => {
    await plane.stop()
    throw thrown
  })
  const nodes: ClusterNode[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
    await dns.stop()
    await plane.stop()
    closeNetwork()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (let index = 1; index <= count; index++)
      nodes.push(
        await startNode(
          plane,
          { kubernetes, containerd: 'containerd' },
          { index, folder, images },
          { 'topology.kubernetes.io/zone': `zone-${index}` },
        ),
      )
  } catch (thrown) {
    await stop()
    throw thrown
  }
  return {
    plane,
    nodes,
    folder,
    async pods(namespace) {
      const path = `/api/v1/namespaces/${namespace}/pods`
      return ((await plane.call('GET', path)) as { items: readonly PodObject[] }).items
    },
    stop,
  }
}

/** One H100 as its device plugin and feature discovery would tell of it. */
export async function giveGpu(plane: ControlPlane, node: string): Promise<void> {
  const labels = {
    'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3',
    'nvidia.com/gpu.memory': '81559',
  }
  const path = `/api/v1/nodes/${node}`
  const type = 'application/merge-patch+json'
  await plane.call('PATCH', path, { metadata: { labels } }, type)
  const status = { capacity: { 'nvidia.com/gpu': '1' } }
  await plane.call('PATCH', `${path}/status`, { status }, type)
}

/** How long it took, ms. Figures to read, never to hold anything to. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await work()
  return performance.now() - startMs
}

export const say = (line: string): void => void process.stdout.write(`${line}\n`)
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

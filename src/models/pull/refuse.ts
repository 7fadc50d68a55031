import { AppError } from '../../core/errors.ts'
import { failed, type HttpAnswer } from './http.ts'

/** What to do, where the source knows better than the status. */
export interface Hints {
  readonly missing?: string | undefined
  readonly forbidden?: string | undefined
}

/** Turns a status that is no success into an error that says what a person can do. `what`: file or repository. */
export async function refuseStatus(
  answer: HttpAnswer,
  what: string,
  hints: Hints = {},
): Promise<never> {
  await answer.body.dump()
  const { status, headers, url } = answer
  // The hub says in a header what the status leaves open.
  const reason = headers.get('x-error-code') ?? ''
  if (reason === 'GatedRepo')
    throw new AppError('model/forbidden', {
      message: `${what} is gated: its owner gives it only to people who accepted the terms`,
      ...(hints.forbidden === undefined ? {} : { hint: hints.forbidden }),
    })
  if (status === 404 || reason.endsWith('NotFound'))
    throw new AppError('model/not-found', {
      message: `${url.host} has no ${what}${explanations[reason] ?? ''}`,
      hint:
        hints.missing ??
        'Check the spelling; a private repository also looks missing without HF_TOKEN.',
    })
  if (status === 401 || status === 403)
    throw new AppError('model/forbidden', {
      message: `${url.host} refuses ${what} (status ${status})`,
      hint:
        hints.forbidden ??
        'This server wants credentials: for the hub, set HF_TOKEN to a token that may read it.',
    })
  if (status >= 500 || status === 429 || status === 408)
    throw failed(url, `status ${status}`, undefined, retryAfterS(headers.get('retry-after')))
  throw new AppError('model/bad-reference', {
    message: `${url.host} answers with status ${status} for ${what}`,
    hint: 'Check the reference: this server does not serve it like a file.',
  })
}

const explanations: Readonly<Record<string, string>> = {
  RepoNotFound: ': no such repository, or a private one',
  RevisionNotFound: ': no such revision',
  EntryNotFound: ': no such file in the repository',
}

function retryAfterS(value: string | undefined): number | undefined {
  const seconds = Number(value)
  return value !== undefined && Number.isFinite(seconds) ? seconds : undefined
}

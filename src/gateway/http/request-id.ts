import { randomBytes } from 'node:crypto'

const process = randomBytes(10).toString('hex')
let counted = 0

/** Unique for ever: 80 random bits a process and a number. Not secret. */
export function createRequestId(): string {
  counted++
  return `req_${process}${counted.toString(36).padStart(7, '0')}`
}

/** A client may name its request, in letters that can't disturb a log or a header. */
export const chooseRequestId = (header: string | string[] | undefined): string | null =>
  typeof header === 'string' && /^[\w.:=-]{1,128}$/.test(header) ? header : null

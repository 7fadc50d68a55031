import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from './replace-file.ts'

/** What lets the CLI of this machine and user in. Made on first start, readable by this user only. */
export function readAdminToken(dataDirectory: string): string {
  const path = join(dataDirectory, 'admin.token')
  const known = read(path)
  if (known !== '') return known
  const token = randomBytes(32).toString('base64url')
  replaceFile(path, `${token}\n`)
  return token
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw thrown
  }
}

import { readFile } from 'node:fs/promises'
import type { PullSettings } from '../models/pull/pull-task.ts'
import { s3StoreOf } from '../models/pull/s3.ts'
import type { Environment } from './environment.ts'

/**
 * Where models come from and what opens it, by the variables and files that the tools of each place read. Asked anew for
 * each pull: `hf auth login` counts at once.
 */
export async function pullSettings(environment: Environment): Promise<Omit<PullSettings, 'limit'>> {
  const { hubEndpoint, aws, dockerConfig } = environment
  const token = environment.hubToken ?? (await readToken(environment.hubTokenPath))
  return {
    s3: s3StoreOf(aws),
    ...(hubEndpoint === undefined ? {} : { endpoint: hubEndpoint }),
    ...(token === undefined ? {} : { token }),
    ...(dockerConfig === undefined ? {} : { dockerConfig }),
  }
}

const readToken = async (path: string): Promise<string | undefined> =>
  (await readFile(path, 'utf8').catch(() => '')).trim() || undefined

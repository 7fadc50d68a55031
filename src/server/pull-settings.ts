import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PullSettings } from '../models/pull/pull-task.ts'
import { s3StoreOf } from '../models/pull/s3.ts'
import type { Environment } from './environment.ts'

/**
 * Where models come from and what opens it, by the variables and files that the tools of each place read. Asked anew for
 * each pull: a file that changes counts at once, which a variable of a running process can't. So the secret `hub/token`
 * of the data directory, which deployments name for their engines, too, goes before `HF_TOKEN`.
 */
export async function pullSettings(
  environment: Environment,
  dataDirectory: string,
): Promise<Omit<PullSettings, 'limit'>> {
  const { hubEndpoint, aws, dockerConfig } = environment
  const token =
    (await readToken(join(dataDirectory, 'secrets', 'hub', 'token'))) ??
    environment.hubToken ??
    (await readToken(environment.hubTokenPath))
  return {
    s3: s3StoreOf(aws),
    ...(hubEndpoint === undefined ? {} : { endpoint: hubEndpoint }),
    ...(token === undefined ? {} : { token }),
    ...(dockerConfig === undefined ? {} : { dockerConfig }),
  }
}

const readToken = async (path: string): Promise<string | undefined> =>
  (await readFile(path, 'utf8').catch(() => '')).trim() || undefined

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../core/errors.ts'
import type { RunningReplica, Runtime } from '../runtime.ts'

/**
 * Engines that somebody else runs: to start one is to note where it answers, in a file that the next control finds.
 * Whether it does answer is for the probes to say.
 */
export function createExternalRuntime(directory: string): Runtime {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const name = 'external'
  const pathOf = (id: string): string => join(directory, `${id}.json`)
  const list = (): readonly RunningReplica[] =>
    readdirSync(directory)
      .filter((file) => file.endsWith('.json'))
      .map((file) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as RunningReplica)
  return {
    name,
    inventory: async () => [],
    endpoint: async () => ({ host: '127.0.0.1', port: 0 }),
    async start(identity, plan) {
      const known = list().find((one) => one.id === identity.id)
      if (known) return known
      if (plan.url === null)
        throw new AppError('runtime/refused', { message: 'the engine has no URL of its own' })
      const replica: RunningReplica = {
        ...identity,
        pid: null,
        url: plan.url.replace(/\/+$/, ''),
        startedAtMs: Date.now(),
        node: null,
        devices: [],
        waiting: null,
      }
      writeFileSync(`${pathOf(identity.id)}.tmp`, JSON.stringify(replica), { mode: 0o600 })
      renameSync(`${pathOf(identity.id)}.tmp`, pathOf(identity.id))
      return replica
    },
    stop: async (id) => rmSync(pathOf(id), { force: true }),
    list: async () => list(),
    watch: () => {},
    logs(id) {
      throw new AppError('replica/not-found', {
        message: `"${id}" is run by somebody else, who has its log`,
      })
    },
    close: async () => {},
  }
}

import { spawn } from 'node:child_process'
import type { MockStats } from './mock-server.ts'

export interface Mock {
  /** With its `/v1`. */
  readonly url: string
  stats(): Promise<MockStats>
  stop(): void
}

export async function startMock(
  mode: 'small' | 'paced',
  env: Readonly<Record<string, string>> = {},
): Promise<Mock> {
  const server = spawn(process.execPath, [`${import.meta.dirname}/mock-server.ts`, mode], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = await new Promise<string>((resolve, reject) => {
    server.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString().trim()))
    server.once('exit', () => reject(new Error('the mock server ended')))
  })
  const root = `http://127.0.0.1:${port}`
  return {
    url: `${root}/v1`,
    stats: async () => (await fetch(`${root}/stats`)).json() as Promise<MockStats>,
    stop: () => void server.kill(),
  }
}

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
  /** At real-time priority; needs root or CAP_SYS_NICE. */
  isUrgent = false,
): Promise<Mock> {
  const argv = [process.execPath, `${import.meta.dirname}/mock-server.ts`, mode]
  // It is part of the instrument: at the mercy of others it would be late, and not what is measured.
  const [command = '', ...rest] = isUrgent ? ['chrt', '--rr', '1', ...argv] : argv
  const server = spawn(command, rest, {
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

import type { ProcessChoice } from '../../contract/fault.ts'
import { AppError } from '../../core/errors.ts'
import { connect, dataDirectory, readRecord, type ConnectionFlags } from '../connection.ts'
import type { Io } from '../io.ts'

/** A process of Baleen itself, of a replica, or of the first replica of a deployment that runs; on this machine. */
export async function findProcess(
  flags: ConnectionFlags,
  io: Io,
  choice: ProcessChoice,
): Promise<number> {
  if (choice.pid !== undefined) return choice.pid
  const elsewhere = flags.url ?? io.environment.url
  if (elsewhere !== undefined && !isThisMachine(new URL(elsewhere).hostname))
    throw new AppError('injection/not-owned', {
      message: `processes behind ${elsewhere} are not of this machine`,
      hint: 'Run `baleen inject` there.',
    })
  if (choice.process !== undefined) {
    const record = readRecord(await dataDirectory(flags, io), choice.process)
    if (record) return record.pid
    throw new AppError('injection/bad-spec', { message: `no process ${choice.process} runs here` })
  }
  const replicas = (await (await connect(flags, io)).deployments()).flatMap(
    (deployment) => deployment.replicas,
  )
  const found = replicas.find(
    ({ id, deployment, pid }) =>
      pid !== null && isThere(pid) && (id === choice.replica || deployment === choice.deployment),
  )
  if (found?.pid != null) return found.pid
  throw new AppError('deployment/not-found', {
    message: `no running process of ${choice.replica ?? choice.deployment}`,
  })
}

const isThisMachine = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || host.startsWith('127.')

/** Control notices a moment later that a process has ended. */
function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'
  }
}

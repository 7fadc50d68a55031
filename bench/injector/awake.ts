import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

/**
 * Keeps every processor from halting: on a virtual machine each wake-up of a halted one is an exit to the host, which
 * costs more than a request does. The spinners are of the idle class, which yields to everything at once; they stand for
 * the boot option `idle=poll`. Returns what ends them.
 */
export function keepAwake(): () => void {
  const spinners = Array.from({ length: availableParallelism() }, (_, cpu) =>
    spawn(
      'taskset',
      ['-c', String(cpu), 'chrt', '--idle', '0', 'sh', '-c', 'while :; do :; done'],
      {
        stdio: 'ignore',
      },
    ),
  )
  const end = () => {
    for (const spinner of spinners) spinner.kill('SIGKILL')
  }
  process.once('exit', end)
  return end
}

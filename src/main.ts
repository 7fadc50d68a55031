import { enableCompileCache } from 'node:module'
import { compileCacheDirectory } from './server/compile-cache.ts'

// Before anything else is read: hence the imports below.
enableCompileCache(compileCacheDirectory)
const { run } = await import('./cli/run.ts')
const { watchSignals } = await import('./cli/signals.ts')
const { readEnvironment } = await import('./server/environment.ts')

const { first, second } = watchSignals(process, () => performance.now())
const isServing = process.argv.includes('serve')
// A reader that has seen enough (`| head`) is no error; nor is a terminal that went away while serving.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'EPIPE' && !isServing) process.exit(0)
  })
if (!isServing) second.addEventListener('abort', () => process.exit(130))

const code = await run(process.argv.slice(2), {
  environment: readEnvironment(),
  workingDirectory: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  interrupt: first,
  interruptAgain: second,
})
process.exit(code)

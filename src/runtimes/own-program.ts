import { fileURLToPath } from 'node:url'

/** Where deploy/Dockerfile puts this project. */
const inImage = '/app/'
const here = fileURLToPath(new URL('../../', import.meta.url))

/** Engines of ours run a program of this project: in a container it is the image's, wherever this one was installed. */
export function containerArgv(argv: readonly string[]): readonly string[] {
  const [command, program = '', ...rest] = argv
  return command === 'node' && program.startsWith(here)
    ? [command, inImage + program.slice(here.length), ...rest]
    : argv
}

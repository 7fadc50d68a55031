import { fileURLToPath } from 'node:url'

/** Where deploy/Dockerfile puts this project. */
const inImage = '/app/'
const here = fileURLToPath(new URL('../../', import.meta.url))

/** Engines of ours run a program of this project: in a container it is the image's, wherever this one was installed. */
export const containerArgv = (argv: readonly string[]): readonly string[] =>
  argv[0] === 'node'
    ? argv.map((word) => (word.startsWith(here) ? inImage + word.slice(here.length) : word))
    : argv

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ModelFacts } from '../../planner/model-facts.ts'
import { builtIn, type Catalogues } from '../../planner/predict/read-scenario.ts'
import { readModel } from './read-model.ts'
import { thisMachine } from './this-machine.ts'

/** What is built in, the files among these names, and `local` for this machine. */
export async function cataloguesWith(
  names: Iterable<string>,
  directory: string,
): Promise<Catalogues> {
  const files = new Map<string, ModelFacts>()
  for (const name of new Set(names))
    if (name !== '' && existsSync(resolve(directory, name)))
      files.set(name, (await readModel(name, directory)).facts)
  return {
    model: (name) => files.get(name) ?? builtIn.model(name),
    device: (name) => {
      const here = thisMachine().device
      return name.trim().toLowerCase() === 'local' || name === here.name
        ? here
        : builtIn.device(name)
    },
  }
}

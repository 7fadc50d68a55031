import { stringify } from 'yaml'
import { type Emission, plainName } from './emission.ts'

/** An entry for `deployments:` of Baleen's config file. */
export function baleenDeployment(emission: Emission): string {
  const { settings, model, source } = emission
  const isEmbedded = settings.engine === 'llama'
  const deployment = {
    deployments: [
      {
        name: plainName(emission),
        model: source,
        // llama.cpp is what the embedded engine is made of.
        engine: isEmbedded ? 'embedded' : settings.engine,
        replicas: settings.replicas,
        route: model.name.replace(/[^\w.:@/-]/g, '-'),
        settings: {
          contextTokens: Math.max(64, settings.contextMax),
          sequencesMax: Math.min(256, settings.maxSequences),
          batchTokens: Math.min(65_536, Math.max(32, settings.batchedTokens)),
        },
      },
    ],
  }
  return stringify(deployment)
}

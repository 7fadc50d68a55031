import { stringify } from 'yaml'
import { burdenSettings } from './burden-flags.ts'
import { type Emission, plainName } from './emission.ts'

/** Entries for `deployments:` of Baleen's config file, with everything that the plan decides. */
export const baleenDeployments = (...emissions: readonly Emission[]): string =>
  stringify({ deployments: emissions.map(deploymentOf) })

/** The same as an object. */
export function deploymentOf(emission: Emission) {
  const { settings, model, source, device } = emission
  const isLlama = settings.engine === 'llama'
  // llama.cpp is what the embedded engine is made of: it takes 256 sequences, and what it finds of devices. What it can't be
  // told of the server is.
  const isEmbedded = settings.engine === 'embedded' || (isLlama && emission.burdens.length === 0)
  const devices = settings.devices / settings.replicas
  return {
    name: plainName(emission),
    model: source,
    engine: isEmbedded ? 'embedded' : isLlama ? 'llama-server' : settings.engine,
    ...(model.kind === 'encoder' ? { task: 'embed' } : {}),
    replicas: settings.replicas,
    route: model.name.replace(/[^\w.:@/-]/g, '-'),
    ...(isEmbedded ? {} : { hardware: `${device.name}:${devices}` }),
    settings: {
      // Both sides are on one route: the gateway pairs them.
      ...(emission.role === undefined ? {} : { role: emission.role }),
      contextTokens: Math.max(64, settings.contextMax),
      sequencesMax: Math.min(isEmbedded ? 256 : 65_536, settings.maxSequences),
      batchTokens: Math.max(32, settings.batchedTokens),
      ...(isEmbedded ? {} : isLlama ? { kvPrecision: settings.kvPrecision } : layoutOf(emission)),
      ...burdenSettings(emission),
    },
  }
}

const layoutOf = ({ settings, model }: Emission) => ({
  memoryShare: settings.memoryShare,
  // What the checkpoint is in already needs no word.
  ...(settings.weights === model.nativePrecision ? {} : { weightPrecision: settings.weights }),
  kvPrecision: settings.kvPrecision,
  tensorParallel: settings.tensorParallel,
  pipelineParallel: settings.pipelineParallel,
  dataParallel: settings.dataParallel,
  expertParallel: settings.expertParallel,
  prefixCaching: settings.prefixCaching ? 'on' : 'off',
  chunkedPrefill: settings.chunkedPrefill ? 'on' : 'off',
  speculation:
    settings.speculative === 'off'
      ? 'off'
      : {
          method: settings.speculative.method,
          ...(settings.speculative.model === null ? {} : { model: settings.speculative.model }),
          tokens: settings.speculative.tokens,
        },
})

import { elsewhereBytes } from '../burdens/burden.ts'
import type { Candidate } from '../search/candidate.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import { sloName } from '../workload/slo.ts'
import type { Request } from '../search/screen.ts'
import { gigabytes } from './binding.ts'

/** Why each knob stands where it does, in the order of the settings. */
export function knobReasons(candidate: Candidate, request: Request): Record<string, string> {
  const { settings, copy, budget, quality, engine, operating } = candidate
  const { layout } = copy
  const { model, device } = layout
  const elsewhere = elsewhereBytes(candidate.curve.burdens, layout)
  const weights = weightBytesPerDevice(layout) - elsewhere
  const alone = weightBytesPerDevice({ ...layout, tp: 1, pp: 1, dp: 1, ep: 1 })
  const { rateRps, slo, workload } = request
  return {
    engine: `${engine.name}: best of those that run ${settings.weights} on ${device.name}; ${engine.fitted.provenance}`,
    tensorParallel:
      layout.tp === 1
        ? `${gigabytes(weights + elsewhere)} of weights${elsewhere > 0 ? `, ${gigabytes(elsewhere)} of them elsewhere,` : ''} fit on one device: no time is lost exchanging activations`
        : alone > device.memoryBytes * 0.9
          ? `${gigabytes(alone)} of weights do not fit on one device of ${gigabytes(device.memoryBytes)}; ${layout.tp} read them ${layout.tp} times as fast`
          : `${layout.tp} devices share every layer: a step reads ${gigabytes(weights)} on each in place of ${gigabytes(alone)}`,
    pipelineParallel:
      layout.pp === 1
        ? 'stages would add hops and fill only under load'
        : `${layout.pp} stages: ${device.link.kind === 'pcie' ? 'the PCIe link is too slow for more tensor ranks' : 'less is exchanged than with as many tensor ranks'}`,
    dataParallel:
      layout.dp === 1
        ? 'attention is not repeated'
        : `${layout.dp} ranks with caches of their own: ${model.mla ? 'a latent cache cannot be cut by heads' : 'heads are too few to cut further'}`,
    expertParallel:
      layout.ep === 1
        ? model.moe
          ? 'every expert is cut over the tensor ranks: none waits for the busiest'
          : 'a dense model has no experts'
        : `${model.moe?.experts} experts over ${layout.ep} ranks: whole experts are larger, faster multiplications`,
    replicas:
      rateRps === null
        ? `${settings.replicas} × ${copy.ranks} devices fill what is there`
        : `${settings.replicas} carry ${Number(rateRps.toPrecision(3))} requests/s; each could take ${Number((candidate.mostRps / Math.max(1, settings.replicas)).toPrecision(3))}`,
    weights: `${settings.weights}: ${lossText(quality.loss)} (${quality.source})`,
    kvPrecision:
      settings.kvPrecision === 'bf16'
        ? 'as computed: no loss'
        : 'half the bytes, twice the sequences',
    contextMax: `prompt and answer of 999 in 1,000 requests of ${workload.name}; the model reaches ${model.contextMax}`,
    maxSequences: slo.some(({ figure }) => figure === 'tpot')
      ? `${Math.floor(operating.places)} at once in a replica: with more, ${slo
          .filter(({ figure }) => figure === 'tpot')
          .map(sloName)
          .join(
            ' and ',
          )} breaks or the cache of ${gigabytes(budget.kvBytes)} is full; then requests wait`
      : `${Math.floor(operating.places)} at once in a replica: what the cache of ${gigabytes(budget.kvBytes)} holds`,
    batchedTokens:
      settings.batchedTokens < workload.inputTokens.mean
        ? 'prompts come in pieces, so that a step beside them stays short'
        : 'a mean prompt fits into one step',
    memoryShare:
      settings.memoryShare < budget.share
        ? `${Number(budget.share.toFixed(3))} of the device less what its neighbour has`
        : settings.memoryShare > engine.memory.defaultShare
          ? 'more than the default: the cache is what is short'
          : 'the default: more would not make it faster, and risks running out',
    prefixCaching:
      workload.prefixShare > 0
        ? `${Math.round(workload.prefixShare * 100)} % of a prompt was seen before`
        : 'costs nothing where nothing repeats',
    chunkedPrefill: settings.chunkedPrefill
      ? 'long prompts do not hold up those who read their answers'
      : 'prompts are short: one step takes them whole',
    speculative: draftReason(settings.speculative),
  }
}

function draftReason(speculative: Candidate['settings']['speculative']): string {
  if (speculative === 'off')
    return 'drafts would not pay here, or nobody has published how often they are right for this model'
  const { tokens, width, acceptance, tokensPerStep, source } = speculative
  const guesses = `${tokens} guess${tokens === 1 ? '' : 'es'} in a row${width > 1 ? `, ${width} beside one another` : ''}`
  return `${guesses}, each right in ${Math.round(acceptance * 100)} % where the one before was: ${tokensPerStep} tokens a step, the same answers (${source})`
}

export const lossText = (loss: number | null): string =>
  loss === null
    ? 'loss of quality unknown'
    : loss === 0
      ? 'no loss of quality'
      : `loses up to ${Number((loss * 100).toFixed(1))} %`

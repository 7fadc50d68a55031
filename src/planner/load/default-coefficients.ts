import type { FirstTokenCoefficients, StepCoefficients } from '../../core/engine-model.ts'

/** Where every fit starts from and shrinks to: device time as measured, and the host costs of a well-made engine. */
export const defaultStep: StepCoefficients = {
  dense: 1,
  experts: 1,
  expertSpread: 0.15,
  attention: 1,
  collective: 1,
  oneShot: 0.3,
  layerUs: 8,
  expertLayerUs: 4,
  latentLayerUs: 8,
  linearLayerUs: 8,
  sparseLayerUs: 20,
  stepUs: 1000,
  sequenceUs: 10,
  prefill: 1,
  prefillStepUs: 1000,
  launch: 0.3,
}

export const defaultFirstToken: FirstTokenCoefficients = {
  requestMs: 10,
  tokenMs: 1,
  layerMs: 0.3,
  expertLayerMs: 0.3,
  latentLayerMs: 0.3,
  linearLayerMs: 0.3,
  sparseLayerMs: 0.3,
  prefill: 1.1,
  prefillAttention: 1.1,
  step: 1,
  openStep: 1.5,
  turn: 1,
  queue: 0.5,
  wait: 0.9,
  sequenceMs: 0.2,
}

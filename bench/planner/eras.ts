import type { FittedEra } from '../../src/core/engine-model.ts'

/** Where an engine's eras begin: versions between which its step loop changed. */
export const eraStarts: Readonly<Record<string, readonly string[]>> = {
  vllm: ['0', '0.10'],
  // On B200 0.5.9 takes 10 to 20 % less a token than 0.5.5 did, from the same flags.
  sglang: ['0', '0.5.9'],
  trtllm: ['0', '0.13', '0.20', '1.1', '1.2'],
  // Published runs are of 2024, before CUDA graphs were usual: later builds have what all engines share.
  llama: ['0', '4400'],
}

/**
 * TensorRT-LLM 1.2 starts prompts faster than 1.1 did, and its steps take as long. 0.20 to 1.0 was measured with two models only, by
 * one client: what a first token takes it shares with 1.1.
 */
export const alike: Readonly<Record<string, Pick<FittedEra, 'stepOf' | 'firstTokenOf'>>> = {
  'trtllm 0.20': { firstTokenOf: '1.1' },
  'trtllm 1.2': { stepOf: '1.1' },
}

/**
 * Engines of 2023 and 2024, most of it measured as output a second: what engines share today is learnt from their steps no more
 * than a tenth, and they are held to it a tenth as firmly.
 */
export const farEras: ReadonlySet<string> = new Set([
  'vllm 0',
  'trtllm 0',
  'trtllm 0.13',
  'llama 0',
])
export const farTrust = 0.1

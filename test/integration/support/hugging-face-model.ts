import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundledModel, packageDirectory } from '../../../src/models/bundled/catalogue.ts'
import { readMiniMindWeights } from '../../../src/models/bundled/minimind2-weights.ts'
import { writeSafetensors } from './safetensors.ts'

/** Writes the bundled chat model as engines on PyTorch want it: a directory of Hugging Face's form, float32. */
export function writeHuggingFaceModel(directory: string): void {
  const from = packageDirectory(bundledModel('minimind2-small'))
  mkdirSync(directory, { recursive: true })
  const copied = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']
  for (const name of copied) cpSync(join(from, name), join(directory, name))
  const json = (name: string): object =>
    JSON.parse(readFileSync(join(from, name), 'utf8')) as object
  write(directory, 'config.json', { ...json('config.json'), dtype: 'float32' })
  // So small a model rambles at the usual 1.0.
  const sampling = { do_sample: true, temperature: 0.3, repetition_penalty: 1.1 }
  write(directory, 'generation_config.json', { ...json('generation_config.json'), ...sampling })
  // The last layer is the embedding, which is there already.
  const weights = [...readMiniMindWeights(from)].filter(([name]) => name.startsWith('model.'))
  writeSafetensors(join(directory, 'model.safetensors'), weights)
}

const write = (directory: string, name: string, value: object): void =>
  writeFileSync(join(directory, name), JSON.stringify(value, null, 2))

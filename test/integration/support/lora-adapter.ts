import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRandom } from '../../../src/core/random.ts'
import { writeSafetensors, type Tensor } from './safetensors.ts'

/** Of the bundled chat model. */
const layers = 8
const modules = { q_proj: { inputs: 512, outputs: 512 }, v_proj: { inputs: 512, outputs: 128 } }

/** An adapter of the bundled chat model that nobody trained: it changes what the model says, always in the same way. */
export function writeLoraAdapter(directory: string, rank: number, seed: number): void {
  mkdirSync(directory, { recursive: true })
  const config = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    r: rank,
    lora_alpha: rank,
    target_modules: Object.keys(modules),
    bias: 'none',
  }
  writeFileSync(join(directory, 'adapter_config.json'), JSON.stringify(config))
  const random = createRandom(seed)
  const tensor = (...shape: readonly [number, number]): Tensor => ({
    shape,
    data: () => Float32Array.from({ length: shape[0] * shape[1] }, () => (random() - 0.5) / 5),
  })
  const tensors: [string, Tensor][] = []
  for (let layer = 0; layer < layers; layer++)
    for (const [module, { inputs, outputs }] of Object.entries(modules)) {
      const name = `base_model.model.model.layers.${layer}.self_attn.${module}`
      tensors.push([`${name}.lora_A.weight`, tensor(rank, inputs)])
      tensors.push([`${name}.lora_B.weight`, tensor(outputs, rank)])
    }
  writeSafetensors(join(directory, 'adapter_model.safetensors'), tensors)
}

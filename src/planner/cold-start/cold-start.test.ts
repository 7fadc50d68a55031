import { expect, test } from 'vitest'
import { engineModels } from '../../engines/models.ts'
import { resolveAccelerator } from '../accelerators/resolve-accelerator.ts'
import { precisionOf } from '../kernel-precision.ts'
import { weightBytesPerDevice } from '../memory/weights.ts'
import { resolveModel } from '../models/resolve-model.ts'
import { coldStart } from './cold-start.ts'

const layoutOf = (name: string, tp = 1) => {
  const model = resolveModel(name)!
  return {
    model,
    device: resolveAccelerator('a100')!,
    precision: precisionOf(model, 'bf16', 2),
    tp,
    pp: 1,
    dp: 1,
    ep: 1,
  }
}
const engine = (name: string) => engineModels.find((one) => one.name === name)!

/** Profiles of vLLM 0.10.1 on A100 with compiled graphs in the cache, seconds from the first process to ready. */
test.each([
  ['llama-2-7b', 44.95],
  ['llama-2-13b', 58.71],
  ['falcon-7b', 45.15],
  ['llama-3.2-3b', 40.37],
])('%s starts within a fifth of what was measured', (name, measured) => {
  const { warm } = coldStart(engine('vllm'), layoutOf(name))
  expect(Math.abs(warm / measured - 1)).toBeLessThan(0.2)
})

test('bytes go over the link and the disk at their rates', () => {
  const layout = layoutOf('llama-2-7b')
  const bytes = weightBytesPerDevice(layout)
  const start = coldStart(engine('vllm'), layout, { downloadGBs: 0.5, diskGBs: 4 })
  expect(start.download).toBeCloseTo(bytes / 0.5e9)
  expect(start.load).toBeCloseTo(bytes / 4e9)
  expect(start.cold - start.warm).toBeCloseTo(start.download + start.compileFirst - start.compile)
})

test('more ranks read the same weights, and a file that is mapped starts at once', () => {
  expect(coldStart(engine('vllm'), layoutOf('llama-2-7b', 2)).load).toBeCloseTo(
    coldStart(engine('vllm'), layoutOf('llama-2-7b')).load,
  )
  expect(coldStart(engine('llama'), layoutOf('llama-2-7b')).boot).toBeLessThan(1)
})

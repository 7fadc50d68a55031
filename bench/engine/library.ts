import { getLlama, LlamaLogLevel, type Token } from 'node-llama-cpp'
import { sampling, type Burst, type BurstResult } from './load.ts'

/**
 * The rival "library called directly": node-llama-cpp's public classes in a process of their own, the way its
 * guide does it. argv: model, sequences, contextTokens, batchTokens, threads. Bursts come and results leave over IPC.
 */
const [modelPath = '', sequences, contextSize, batchSize, threads] = process.argv.slice(2)
const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  logLevel: LlamaLogLevel.error,
})
const model = await llama.loadModel({ modelPath })
const context = await model.createContext({
  sequences: Number(sequences),
  contextSize: Number(contextSize),
  batchSize: Number(batchSize),
  threads: Number(threads),
})
const free = Array.from({ length: Number(sequences) }, () => context.getSequence())

process.on('message', (burst: Burst) => {
  void runBurst(burst).then((result) => process.send?.(result))
})
process.send?.('ready')

async function runBurst({ prompts, tokens }: Burst): Promise<BurstResult> {
  const startMs = performance.now()
  const ttftMs = await Promise.all(
    prompts.map(async (prompt, index) => {
      const sequence = free[index]!
      await sequence.clearHistory()
      const input: Token[] = model.tokenize(prompt, true)
      let made = 0
      let firstMs = 0
      const stream = sequence.evaluate(input, {
        temperature: sampling.temperature,
        topK: sampling.top_k,
        topP: sampling.top_p,
        minP: sampling.min_p,
        seed: index + 1,
        yieldEogToken: true,
      })
      for await (const token of stream) {
        if (made === 0) firstMs = performance.now() - startMs
        model.detokenize([token])
        if (++made === tokens) break
      }
      return firstMs
    }),
  )
  const elapsedS = (performance.now() - startMs) / 1000
  return { tokensPerS: (prompts.length * tokens) / elapsedS, ttftMs }
}

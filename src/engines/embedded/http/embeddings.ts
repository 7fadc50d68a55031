import type { ServerResponse } from 'node:http'
import { AppError } from '../../../core/errors.ts'
import type { EmbedLoop, Embedding } from '../batch/embed-loop.ts'
import { sendJson } from './json.ts'
import { contextExceeded } from './errors.ts'
import { embeddingRequest, parseRequest, type EmbeddingRequest } from './requests.ts'
import type { Handler, Serving } from './serving.ts'

/** `POST /v1/embeddings` */
export const handleEmbeddings: Handler = async (serving, body, response) => {
  const request = parseRequest(embeddingRequest, body)
  const { embeddings: loop } = serving
  if (!loop) throw new AppError('gateway/wrong-task', { message: 'this model makes no embeddings' })
  const length = request.dimensions ?? serving.embeddingLength
  if (length > serving.embeddingLength)
    throw new AppError('request/invalid', {
      message: `dimensions: the model's vectors have ${serving.embeddingLength}`,
      param: 'dimensions',
    })
  const inputs = readInputs(serving, request)
  const vectors = await embedAll(loop, inputs, response)
  if (response.destroyed) return
  const promptTokens = inputs.reduce((sum, tokens) => sum + tokens.length, 0)
  const isBase64 = request.encoding_format === 'base64'
  sendJson(response, {
    object: 'list',
    data: vectors.map((vector, index) => {
      const unit = normalise(vector, length)
      const embedding = isBase64 ? Buffer.from(unit.buffer).toString('base64') : Array.from(unit)
      return { object: 'embedding', index, embedding }
    }),
    model: request.model ?? serving.name,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  })
}

function readInputs(serving: Serving, { input }: EmbeddingRequest): Uint32Array[] {
  const { prompts, contextTokens } = serving
  const fromTokens = (tokens: readonly number[]): Uint32Array => prompts.tokens(tokens, 'input')
  const inputs =
    typeof input === 'string'
      ? [prompts.embedding(input)]
      : typeof input[0] === 'number'
        ? [fromTokens(input as number[])]
        : (input as (string | number[])[]).map((one) =>
            typeof one === 'string' ? prompts.embedding(one) : fromTokens(one),
          )
  for (const tokens of inputs)
    if (tokens.length > contextTokens)
      throw contextExceeded(contextTokens, tokens.length, null, 'input')
  return inputs
}

function embedAll(
  loop: EmbedLoop,
  inputs: readonly Uint32Array[],
  response: ServerResponse,
): Promise<Float64Array[]> {
  const jobs: Embedding[] = []
  const vectors = inputs.map(
    (tokens) =>
      new Promise<Float64Array>((resolve, reject) => {
        jobs.push({ tokens, isCancelled: false, resolve, reject })
      }),
  )
  const cancel = (): void => {
    for (const job of jobs) job.isCancelled = true
  }
  response.once('close', cancel)
  loop.submit(jobs)
  return Promise.all(vectors)
}

/** The first `length` values, at unit length: what OpenAI's `dimensions` means. */
function normalise(vector: Float64Array, length: number): Float32Array {
  const cut = vector.subarray(0, length)
  const norm = Math.hypot(...cut) || 1
  return Float32Array.from(cut, (value) => value / norm)
}

import type { IncomingMessage } from 'node:http'
import { AppError } from '../../../core/errors.ts'

const bodyBytesMax = 64 * 2 ** 20

/** Reads a JSON body. Throws `request/too-large` or `request/not-json`. */
export async function readJson(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bodyBytesMax)
      throw new AppError('request/too-large', { message: `the body is over ${bodyBytesMax} bytes` })
    chunks.push(chunk)
  }
  try {
    return JSON.parse(decoder.decode(Buffer.concat(chunks)))
  } catch (thrown) {
    throw new AppError('request/not-json', { message: String(thrown), cause: thrown })
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

import { parentPort, workerData } from 'node:worker_threads'
import { invariant } from '../../core/errors.ts'
import { writeSynced } from '../durable-file.ts'
import { toThreadFailure } from '../thread-failure.ts'
import { encodeGguf } from '../gguf/encode.ts'
import { convertMiniLm } from './all-minilm-l6-v2.ts'
import type { Conversion } from './conversion.ts'
import type { ConvertMessage, ConvertTask } from './convert-task.ts'
import { convertMiniMind } from './minimind2-small.ts'

/** Entry of a worker thread: turns the weights of a package into a GGUF file at a temporary path. */

const converters: Readonly<Record<string, (directory: string) => Conversion>> = {
  'minimind2-small': convertMiniMind,
  'all-minilm-l6-v2': convertMiniLm,
}

invariant(parentPort, 'runs as a worker thread')
const port = parentPort
const tell = (message: ConvertMessage): void => port.postMessage(message)

try {
  const task = workerData as ConvertTask
  const converter = converters[task.name]
  invariant(converter, `a converter for ${task.name}`)
  const { fields, tensors } = converter(task.packageDirectory)
  const written = await writeSynced(task.path, counted(encodeGguf(fields, tensors)))
  tell({ type: 'done', written })
} catch (thrown) {
  tell(toThreadFailure(thrown))
}

function* counted(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  let doneBytes = 0
  for (const chunk of chunks) {
    yield chunk
    doneBytes += chunk.byteLength
    tell({ type: 'progress', doneBytes })
  }
}

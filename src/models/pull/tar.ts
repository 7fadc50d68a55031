import { AppError } from '../../core/errors.ts'

export interface TarEntry {
  readonly path: string
  readonly bytes: number
  /** What is not read is skipped when the next entry is asked for. */
  readonly content: AsyncIterable<Uint8Array>
}

const blockBytes = 512
const extendedBytesMax = 1 << 20

/** The files of a tar archive (ustar, with pax headers for long names and sizes) as it streams by. */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const source = chunks[Symbol.asyncIterator]()
  try {
    yield* readEntries(createReader(source))
  } finally {
    await source.return?.()
  }
}

async function* readEntries(reader: Reader): AsyncGenerator<TarEntry> {
  let extended = new Map<string, string>()
  for (;;) {
    const header = await reader.take(blockBytes)
    if (header.every((byte) => byte === 0)) return
    const type = String.fromCharCode(header[156] ?? 0)
    const bytes = Number(extended.get('size') ?? Number.parseInt(text(header, 124, 12), 8))
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw bad('an entry has no size')
    const padded = Math.ceil(bytes / blockBytes) * blockBytes
    if (type === 'x') {
      if (bytes > extendedBytesMax) throw bad('an extended header is too long')
      extended = parseExtended((await reader.take(padded)).subarray(0, bytes))
      continue
    }
    let unread = padded
    if (type === '0' || type === '\0')
      yield {
        path: extended.get('path') ?? pathOf(header),
        bytes,
        content: reader.upTo(bytes, (taken) => (unread -= taken)),
      }
    for await (const _ of reader.upTo(unread, () => undefined));
    extended = new Map()
  }
}

interface Reader {
  take(bytes: number): Promise<Uint8Array>
  upTo(bytes: number, onTaken: (bytes: number) => void): AsyncGenerator<Uint8Array>
}

function createReader(source: AsyncIterator<Uint8Array>): Reader {
  let chunk: Uint8Array = new Uint8Array(0)
  const some = async (most: number): Promise<Uint8Array> => {
    while (chunk.byteLength === 0) {
      const next = await source.next()
      if (next.done) throw bad('the archive is cut short')
      chunk = next.value
    }
    const taken = chunk.subarray(0, most)
    chunk = chunk.subarray(taken.byteLength)
    return taken
  }
  return {
    async take(bytes) {
      const parts: Uint8Array[] = []
      for (let left = bytes; left > 0; left -= parts.at(-1)?.byteLength ?? 0)
        parts.push(await some(left))
      return Buffer.concat(parts)
    },
    async *upTo(bytes, onTaken) {
      for (let left = bytes; left > 0;) {
        const taken = await some(left)
        left -= taken.byteLength
        onTaken(taken.byteLength)
        yield taken
      }
    },
  }
}

function text(header: Uint8Array, start: number, length: number): string {
  const field = Buffer.from(header.subarray(start, start + length)).toString('utf8')
  return field.split('\0', 1)[0] ?? ''
}

function pathOf(header: Uint8Array): string {
  const prefix = text(header, 257, 5) === 'ustar' ? text(header, 345, 155) : ''
  return prefix ? `${prefix}/${text(header, 0, 100)}` : text(header, 0, 100)
}

/** Lines of `LENGTH KEY=VALUE\n`. */
function parseExtended(bytes: Uint8Array): Map<string, string> {
  const lines = Buffer.from(bytes).toString('utf8').split('\n')
  return new Map(
    lines.flatMap((line) => {
      const [, key, value] = /^\d+ ([^=]+)=(.*)$/.exec(line) ?? []
      return key !== undefined && value !== undefined ? [[key, value] as const] : []
    }),
  )
}

const bad = (problem: string): AppError =>
  new AppError('model/bad-file', { message: `not a sound tar archive: ${problem}` })

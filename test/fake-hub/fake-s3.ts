import { createHash } from 'node:crypto'
import { sendFile, serve, type RunningServer } from './file-server.ts'

/** Imitates a store that speaks S3: objects by path, ETags of their MD5, checksums where asked, keys that must sign. */
export interface FakeS3 extends Pick<RunningServer, 'seen' | 'close'> {
  readonly endpoint: string
  put(bucket: string, key: string, content: Buffer): void
}

/** Objects of buckets with this name need no key. */
export const publicBucket = 'public'

export async function startFakeS3(accessKeyId: string): Promise<FakeS3> {
  const objects = new Map<string, Buffer>()
  const server = await serve((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '', 'http://store').pathname)
    const signature = request.headers.authorization ?? ''
    const isOpen = path.startsWith(`/${publicBucket}/`)
    const isSigned = signature.startsWith(`AWS4-HMAC-SHA256 Credential=${accessKeyId}/`)
    const object = objects.get(path)
    if (!isOpen && !isSigned) return void response.writeHead(403).end()
    if (!object) return void response.writeHead(404).end()
    const isAsked = request.headers['x-amz-checksum-mode'] === 'ENABLED'
    const sha256 = createHash('sha256').update(object).digest('base64')
    if (isAsked) response.setHeader('x-amz-checksum-sha256', sha256)
    sendFile(request, response, object)
  })
  return {
    endpoint: server.url,
    seen: server.seen,
    close: () => server.close(),
    put: (bucket, key, content) => void objects.set(`/${bucket}/${key}`, content),
  }
}

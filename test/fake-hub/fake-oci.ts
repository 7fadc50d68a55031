import { sendFile, serve, sha256, type RunningServer } from './file-server.ts'

/** Imitates a registry that wants a token of its own server for every request, as the large public ones do. */
export interface FakeOci extends Pick<RunningServer, 'seen' | 'close'> {
  /** `127.0.0.1:PORT` */
  readonly registry: string
  /** Layers by title and media type. */
  put(repository: string, tag: string, layers: readonly FakeLayer[]): void
}

export interface FakeLayer {
  readonly title?: string
  readonly mediaType?: string
  readonly content: Buffer
}

const token = 'of-the-registry'

export async function startFakeOci(login: string): Promise<FakeOci> {
  const blobs = new Map<string, Buffer>()
  const manifests = new Map<string, Buffer>()
  const store = await serve((request, response) => {
    const content = blobs.get((request.url ?? '').slice(1))
    // A store behind a redirect refuses the credentials of others.
    if (request.headers.authorization || !content) response.writeHead(400).end()
    else sendFile(request, response, content)
  })
  const front = await serve((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry')
    const { authorization } = request.headers
    if (pathname === '/token') {
      const scope = searchParams.get('scope') ?? ''
      const isKnown = authorization === `Basic ${login}` && /^repository:.+:pull$/.test(scope)
      return void response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ token }))
    }
    if (authorization !== `Bearer ${token}`) {
      const challenge = `Bearer realm="${front.url}/token",service="fake"`
      return void response.writeHead(401, { 'www-authenticate': challenge }).end()
    }
    const [, repository, kind, name = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(pathname) ?? []
    const manifest = manifests.get(`${repository}/${name}`)
    if (kind === 'blobs' && blobs.has(name))
      response.writeHead(307, { location: `${store.url}/${name}` }).end()
    else if (kind === 'manifests' && manifest)
      response
        .writeHead(200, { 'docker-content-digest': `sha256:${sha256(manifest)}` })
        .end(manifest)
    else response.writeHead(404).end()
  })
  return {
    registry: new URL(front.url).host,
    seen: front.seen,
    async close() {
      await Promise.all([front.close(), store.close()])
    },
    put(repository, tag, layers) {
      const described = layers.map(({ title, mediaType = 'application/octet-stream', content }) => {
        const digest = `sha256:${sha256(content)}`
        blobs.set(digest, content)
        const annotations = title && { 'org.opencontainers.image.title': title }
        return { mediaType, digest, size: content.length, ...(annotations ? { annotations } : {}) }
      })
      const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: described }))
      manifests.set(`${repository}/${tag}`, manifest)
      manifests.set(`${repository}/sha256:${sha256(manifest)}`, manifest)
    },
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type Fault,
  type RunningServer,
  type Seen,
  sendFile,
  serve,
  sha256,
} from './file-server.ts'

/**
 * Imitates a model hub: the tree API with pages, resolve URLs that redirect to a store on another host, commits,
 * LFS checksums, gated and private repositories. Faults happen to the store's answers.
 */
export interface FakeHub {
  readonly endpoint: string
  /** A plain file on the store's host, outside any repository. */
  readonly storeUrl: string
  readonly seenByHub: readonly Seen[]
  readonly seenByStore: readonly Seen[]
  readonly faults: Fault[]
  /** Adds or replaces a file; the repository gets a new commit. */
  put(repository: string, path: string, content: Buffer): void
  putPlain(path: string, content: Buffer): void
  /** What those see who have no right: a gated repository by its name, a private one not at all. */
  close(repository: string, to: 'gated' | 'private'): void
  /** Cuts the store's connections: after a `stall`, when a test has seen so much arrive. */
  cut(): void
  /** Announces a wrong checksum for everything. */
  lie(): void
  stop(): Promise<void>
}

/** What opens closed repositories. */
export const fakeToken = 'hf_of_a_friend'

const treePage = 2

interface Repository {
  readonly files: Map<string, Buffer>
  commit: string
  access: 'open' | 'gated' | 'private'
}

export async function startFakeHub(): Promise<FakeHub> {
  const repositories = new Map<string, Repository>()
  const plain = new Map<string, Buffer>()
  const blobs = new Map<string, Buffer>()
  const faults: Fault[] = []
  let isLying = false

  const store = await serve((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://store')
    const content = pathname.startsWith('/blobs/')
      ? blobs.get(pathname.slice('/blobs/'.length))
      : plain.get(decodeURIComponent(pathname))
    // As S3 does: a signature and a token together are an error.
    if (request.headers.authorization) response.writeHead(400).end()
    else if (!content) response.writeHead(404).end()
    else sendFile(request, response, content, request.method === 'GET' ? faults.shift() : undefined)
  })
  const hub: RunningServer = await serve((request, response) => {
    const url = new URL(request.url ?? '', 'http://hub')
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)$/.exec(url.pathname)
    const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname)
    const [, name = '', revision = '', path] = api ?? file ?? []
    const repository = repositories.get(name)
    const refusal = refuse(repository, decodeURIComponent(revision), request)
    if (refusal || !repository) {
      const [status, code] = refusal ?? [404, 'RepoNotFound']
      response.writeHead(status, { 'x-error-code': code }).end()
    } else if (path === undefined) {
      sendTree(response, repository, url)
    } else {
      const content = repository.files.get(decodeURIComponent(path))
      if (!content) {
        response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end()
        return
      }
      const sum = sha256(content)
      blobs.set(sum, content)
      response
        .writeHead(302, {
          location: `${store.url}/blobs/${sum}?signature=secret`,
          'x-repo-commit': repository.commit,
          'x-linked-size': content.length,
          'x-linked-etag': `"${isLying ? '0'.repeat(64) : sum}"`,
        })
        .end()
    }
  })

  const repositoryOf = (name: string): Repository => {
    const found = repositories.get(name) ?? { files: new Map(), commit: '', access: 'open' }
    repositories.set(name, found)
    return found
  }
  return {
    endpoint: hub.url,
    storeUrl: store.url,
    seenByHub: hub.seen,
    seenByStore: store.seen,
    faults,
    put(name, path, content) {
      const repository = repositoryOf(name)
      repository.files.set(path, content)
      const listing = [...repository.files].map(([at, bytes]) => `${at} ${sha256(bytes)}`).join()
      repository.commit = sha256(Buffer.from(listing)).slice(0, 40)
    },
    putPlain: (path, content) => void plain.set(path, content),
    close(name, to) {
      repositoryOf(name).access = to
    },
    cut: () => store.cut(),
    lie() {
      isLying = true
    },
    async stop() {
      await hub.close()
      await store.close()
    },
  }
}

function refuse(
  repository: Repository | undefined,
  revision: string,
  request: IncomingMessage,
): [status: number, code: string] | null {
  const isFriend = request.headers.authorization === `Bearer ${fakeToken}`
  // Without a token the hub does not tell "missing" from "private".
  if (!repository) return [isFriend ? 404 : 401, 'RepoNotFound']
  if (repository.access === 'private' && !isFriend) return [401, 'RepoNotFound']
  if (repository.access === 'gated' && !isFriend)
    return [request.headers.authorization ? 403 : 401, 'GatedRepo']
  if (!['main', repository.commit].includes(revision)) return [404, 'RevisionNotFound']
  return null
}

function sendTree(response: ServerResponse, repository: Repository, url: URL): void {
  const start = Number(url.searchParams.get('cursor') ?? 0)
  const entries = [...repository.files].map(([path, content]) => ({
    type: 'file',
    path,
    size: content.length,
    oid: sha256(content).slice(0, 40),
    lfs: { oid: sha256(content), size: content.length, pointerSize: 134 },
  }))
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (start + treePage < entries.length) {
    url.searchParams.set('cursor', String(start + treePage))
    headers['link'] = `<${url.pathname}${url.search}>; rel="next"`
  }
  response.writeHead(200, headers).end(JSON.stringify(entries.slice(start, start + treePage)))
}

import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { type Fault, type Seen, sendFile, serve } from './file-server.ts'

/** Imitates an npm registry: package documents with integrity, and tarballs. Faults happen to the tarballs. */
export interface FakeRegistry {
  readonly url: string
  readonly seen: readonly Seen[]
  readonly faults: Fault[]
  /** Makes a tarball of the files, or takes one as it is. The last version published is `latest`. */
  publish(name: string, version: string, files: Record<string, Buffer> | Buffer): void
  /** The tarball changes and its integrity does not. */
  tamper(name: string, version: string, files: Record<string, Buffer>): void
  /** Documents name tarballs on the public registry, as those of a mirror do. */
  actAsMirror(): void
  stop(): Promise<void>
}

interface Release {
  tarball: Buffer
  readonly integrity: string
}

export async function startFakeRegistry(): Promise<FakeRegistry> {
  const packages = new Map<string, Map<string, Release>>()
  const faults: Fault[] = []
  let isMirror = false

  const server = await serve((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '', 'http://registry').pathname)
    const [, owner = '', version = ''] =
      /^\/npm\/(.+)\/-\/.+-(\d+\.\d+\.\d+)\.tgz$/.exec(path) ?? []
    const release = packages.get(owner)?.get(version)
    const name = path.replace('/npm/', '')
    const releases = packages.get(name)
    if (release) sendFile(request, response, release.tarball, faults.shift())
    else if (!releases) response.writeHead(404).end()
    else
      response.writeHead(200, { 'content-type': 'application/json' }).end(
        JSON.stringify({
          name,
          'dist-tags': { latest: [...releases.keys()].at(-1) },
          versions: Object.fromEntries(
            [...releases].map(([at, { integrity }]) => {
              const file = `${name}/-/${name.split('/').at(-1)}-${at}.tgz`
              const host = isMirror ? 'https://elsewhere.example' : `${server.url}/npm`
              return [at, { name, version: at, dist: { tarball: `${host}/${file}`, integrity } }]
            }),
          ),
        }),
      )
  })
  return {
    url: `${server.url}/npm/`,
    seen: server.seen,
    faults,
    publish(name, version, files) {
      const tarball = Buffer.isBuffer(files) ? files : pack(files)
      const digest = createHash('sha512').update(tarball).digest('base64')
      const releases = packages.get(name) ?? new Map<string, Release>()
      packages.set(name, releases.set(version, { tarball, integrity: `sha512-${digest}` }))
    },
    tamper(name, version, files) {
      const release = packages.get(name)?.get(version)
      if (release) release.tarball = pack(files)
    },
    actAsMirror() {
      isMirror = true
    },
    stop: () => server.close(),
  }
}

/** A gzipped ustar archive, every file below `package/` as npm has it. */
export function pack(files: Record<string, Buffer>): Buffer {
  const blocks = Object.entries(files).flatMap(([path, content]) => [
    tarHeader(`package/${path}`, content.length),
    content,
    Buffer.alloc((512 - (content.length % 512)) % 512),
  ])
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
}

function tarHeader(path: string, bytes: number): Buffer {
  const header = Buffer.alloc(512)
  header.write(path, 0)
  header.write('0000644\0', 100)
  header.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124)
  header.write('0', 156)
  header.write('ustar\0', 257)
  return header
}

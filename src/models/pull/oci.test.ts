import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FakeOci, startFakeOci } from '../../../test/fake-hub/fake-oci.ts'
import { tinyGguf } from '../../../test/fake-hub/tiny-gguf.ts'
import { pullModel } from './pull.ts'
import { storeContract } from '../../../test/fake-hub/store.contract.ts'

const login = Buffer.from('friend:secret').toString('base64')

/** As `docker login` leaves it. */
async function dockerConfigFor(registry: string, auth: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'baleen-docker-config-'))
  const text = JSON.stringify({ auths: { [registry]: { auth } } })
  await writeFile(join(directory, 'config.json'), text)
  return directory
}

storeContract('a registry, imitated', async () => {
  const server = await startFakeOci(login)
  const [ours, theirs] = await Promise.all([
    dockerConfigFor(server.registry, login),
    dockerConfigFor(server.registry, Buffer.from('stranger:x').toString('base64')),
  ])
  return {
    async put(name, content) {
      server.put(`org/${name}`, 'v1', [{ title: `${name}.gguf`, content }])
      return `oci://${server.registry}/org/${name}:v1`
    },
    options: { dockerConfig: ours },
    stranger: { dockerConfig: theirs },
    async close() {
      await server.close()
      await Promise.all([ours, theirs].map((path) => rm(path, { recursive: true })))
    },
  }
})

describe('an artefact', () => {
  const content = tinyGguf(1)
  let server: FakeOci
  let directory: string
  let dockerConfig: string
  beforeEach(async () => {
    server = await startFakeOci(login)
    directory = await mkdtemp(join(tmpdir(), 'baleen-oci-'))
    dockerConfig = await dockerConfigFor(server.registry, login)
  })
  afterEach(async () => {
    await server.close()
    await Promise.all([directory, dockerConfig].map((path) => rm(path, { recursive: true })))
  })
  const pull = (rest: string) =>
    pullModel(`oci://${server.registry}/${rest}`, directory, { dockerConfig })

  it('is a model by the media type of a layer, too, and is named after its repository', async () => {
    server.put('ai/smollm2', 'latest', [
      { mediaType: 'application/vnd.docker.ai.license', content: Buffer.from('MIT') },
      { mediaType: 'application/vnd.docker.ai.gguf.v3', content },
    ])
    const entry = await pull('ai/smollm2')
    expect(entry.name).toBe('smollm2')
    expect(entry.source).toBe(`oci://${server.registry}/ai/smollm2:latest`)
  })

  it('of several files gives the one that is named', async () => {
    server.put('org/both', 'v1', [
      { title: 'q4.gguf', content },
      { title: 'q8.gguf', content: tinyGguf(2) },
    ])
    await expect(pull('org/both:v1')).rejects.toMatchObject({
      code: 'model/bad-reference',
      message: expect.stringContaining('holds 2 models: q4.gguf, q8.gguf') as string,
      hint: expect.stringContaining('org/both:v1#FILE.gguf') as string,
    })
    expect((await pull('org/both:v1#q8.gguf')).name).toBe('q8')
  })

  it('without a model says what it holds', async () => {
    server.put('org/image', 'v1', [
      { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', content },
    ])
    await expect(pull('org/image:v1')).rejects.toMatchObject({
      code: 'model/not-found',
      message: expect.stringContaining('layer.v1.tar+gzip') as string,
    })
  })

  it('gets a token for reading it, and the store behind gets none', async () => {
    server.put('org/tiny', 'v1', [{ title: 'tiny.gguf', content }])
    await pull('org/tiny:v1')
    const asked = server.seen.find(({ url }) => url.startsWith('/token'))
    expect(asked?.url).toContain(`scope=${encodeURIComponent('repository:org/tiny:pull')}`)
  })
})

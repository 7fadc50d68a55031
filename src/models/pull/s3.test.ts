import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FakeS3, publicBucket, startFakeS3 } from '../../../test/fake-hub/fake-s3.ts'
import { tinyGguf } from '../../../test/fake-hub/tiny-gguf.ts'
import { pullModel } from './pull.ts'
import { s3StoreOf } from './s3.ts'
import { storeContract } from '../../../test/fake-hub/store.contract.ts'

const storeOf = (endpoint: string, keyId: string) =>
  s3StoreOf({
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: keyId,
    AWS_SECRET_ACCESS_KEY: 'secret',
  })

storeContract('a store that speaks S3, imitated', async () => {
  const store = await startFakeS3('friend')
  return {
    async put(name, content) {
      store.put('models', `small/${name}.gguf`, content)
      return `s3://models/small/${name}.gguf`
    },
    options: { s3: storeOf(store.endpoint, 'friend') },
    stranger: { s3: storeOf(store.endpoint, 'stranger') },
    close: () => store.close(),
  }
})

describe('S3', () => {
  let store: FakeS3
  let directory: string
  beforeEach(async () => {
    store = await startFakeS3('friend')
    directory = await mkdtemp(join(tmpdir(), 'baleen-s3-'))
  })
  afterEach(async () => {
    await store.close()
    await rm(directory, { recursive: true })
  })

  it('gives what is public without a key, and asks for no signature', async () => {
    store.put(publicBucket, 'a b+c.gguf', tinyGguf(1))
    const s3 = s3StoreOf({ AWS_ENDPOINT_URL_S3: store.endpoint })
    const entry = await pullModel(`s3://${publicBucket}/a b+c.gguf`, directory, { s3 })
    expect(entry.name).toBe('a-b-c')
    expect(store.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  it('never keeps a key in what it writes down', async () => {
    store.put('models', 'tiny.gguf', tinyGguf(1))
    const s3 = storeOf(store.endpoint, 'friend')
    const entry = await pullModel('s3://models/tiny.gguf', directory, { s3 })
    expect(JSON.stringify(entry)).not.toMatch(/friend|secret/)
  })

  it('says how an address has to look', async () => {
    const s3 = s3StoreOf({ AWS_ENDPOINT_URL: 'minio:9000' })
    await expect(pullModel('s3://models/tiny.gguf', directory, { s3 })).rejects.toMatchObject({
      code: 'model/bad-reference',
      hint: 'Write AWS_ENDPOINT_URL like https://HOST.',
    })
  })
})

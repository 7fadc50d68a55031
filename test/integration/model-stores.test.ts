import { describe } from 'vitest'
import { s3StoreOf } from '../../src/models/pull/s3.ts'
import { storeContract } from '../fake-hub/store.contract.ts'
import { noRegistry, startRegistry } from './support/registry.ts'
import { noS3Store, startS3Store } from './support/s3-store.ts'

describe.skipIf(noRegistry !== null)(`a registry${noRegistry ? ` (${noRegistry})` : ''}`, () => {
  storeContract('Debian’s docker-registry', async () => {
    const registry = await startRegistry()
    return {
      async put(name, content) {
        const { repository, tag } = await registry.put(name, content)
        return `oci://${registry.host}/${repository}:${tag}`
      },
      options: { dockerConfig: registry.loginOf('friend') },
      stranger: { dockerConfig: registry.loginOf('stranger') },
      close: () => registry.stop(),
    }
  })
})

describe.skipIf(noS3Store !== null)(`an S3 store${noS3Store ? ` (${noS3Store})` : ''}`, () => {
  storeContract('versitygw', async () => {
    const store = await startS3Store()
    return {
      put: (name, content) => store.put(name, content),
      options: { s3: s3StoreOf(store.variablesOf('secret')) },
      stranger: { s3: s3StoreOf(store.variablesOf('guessed')) },
      close: () => store.stop(),
    }
  })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import { openSqliteStore } from '../../store/sqlite/sqlite.ts'
import { applyConfigDeployments } from './config-deployments.ts'
import { createRegistry } from './registry.ts'

async function bench() {
  const directory = mkdtempSync(join(tmpdir(), 'baleen-config-'))
  const store = await openSqliteStore(join(directory, 'baleen.db'))
  onTestFinished(async () => {
    await store.close()
    rmSync(directory, { recursive: true })
  })
  const registry = await createRegistry(store)
  return {
    registry,
    /** As at a start with this config file. */
    apply: (entries: readonly object[] | undefined) => {
      const specs = entries?.map((entry) => deploymentSpec.parse(entry))
      return applyConfigDeployments(specs, store, registry, 1)
    },
    replicas: () =>
      Object.fromEntries(registry.deployments().map(({ spec }) => [spec.name, spec.replicas])),
  }
}

const ant = { name: 'ant', model: 'm' }
const change = { by: 'admin', why: 'a test', atMs: 2 }

describe('deployments of the config file', () => {
  it('are a chat model and embeddings, in this order, where nobody said anything', async () => {
    const { registry, apply } = await bench()
    await apply(undefined)
    expect(registry.deployments().map(({ spec }) => [spec.name, spec.model, spec.task])).toEqual([
      ['minimind2-small', 'bundled:minimind2-small', 'generate'],
      ['all-minilm-l6-v2', 'bundled:all-minilm-l6-v2', 'embed'],
    ])
    expect((await registry.history('minimind2-small'))[0]).toMatchObject({
      by: 'config',
      why: 'first start',
    })
  })

  it('leave what the API changed, until the entry is edited', async () => {
    const { registry, apply, replicas } = await bench()
    expect(await apply([ant])).toEqual(['ant'])
    const [stored] = registry.deployments()
    await registry.updateDeployment({ ...stored!.spec, replicas: 5 }, change, null)
    expect(await apply([ant])).toEqual([])
    expect(replicas()).toEqual({ ant: 5 })
    expect(await apply([{ ...ant, replicas: 2 }])).toEqual(['ant'])
    expect(replicas()).toEqual({ ant: 2 })
  })

  it('are not edited by writing out a default, but by any setting that differs', async () => {
    const { apply } = await bench()
    await apply([ant])
    const written = { ...ant, replicas: 1, engine: 'embedded', settings: { sequencesMax: 'auto' } }
    expect(await apply([written])).toEqual([])
    expect(await apply([{ ...ant, settings: { sequencesMax: 9 } }])).toEqual(['ant'])
    expect(await apply([{ ...ant, settings: { sequencesMax: 9 }, route: 'r' }])).toEqual(['ant'])
  })

  it('stay deleted when the API deleted them, and go when they are taken out of the file', async () => {
    const { registry, apply, replicas } = await bench()
    await apply([ant, { ...ant, name: 'bee' }])
    await registry.removeDeployment('ant', change)
    expect(await apply([ant, { ...ant, name: 'bee' }])).toEqual([])
    expect(replicas()).toEqual({ bee: 1 })
    await apply([ant])
    expect(replicas()).toEqual({})
  })
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { runtimesConfig } from '../../src/contract/runtimes.ts'
import { anywhere } from '../../src/core/node.ts'
import { readMetricsOverHttp } from '../../src/deployer/probe.ts'
import { findEngine } from '../../src/engines/index.ts'
import { launchPlan } from '../../src/engines/launch-plan.ts'
import { connectDashboard } from '../../src/runtimes/ray/dashboard.ts'
import { createRayRuntime } from '../../src/runtimes/ray/ray.ts'
import { runtimeContract } from '../../src/runtimes/runtime.contract.ts'
import { rayProgram, startRay, type RayHead } from './support/ray.ts'
import { until } from './support/tools.ts'

const program = rayProgram()

/** A small application that answers as OpenAI's API does. */
const planOf = (model: string) =>
  launchPlan({
    argv: ['serve', 'run', '{files}/serve.yaml'],
    files: {
      'serve.yaml': stringify({
        applications: [{ name: 'x', import_path: 'ray_application:build', args: { model } }],
      }),
    },
  })

describe.skipIf('missing' in program)(
  `Ray${'missing' in program ? ` (skipped: ${program.missing})` : ''}`,
  () => {
    let ray: RayHead
    let owners = 0
    const applications = () => ray.applications()

    beforeAll(async () => {
      ray = await startRay('path' in program ? program.path : '')
    }, 600_000)
    afterAll(() => ray?.stop())

    const open = (owner: string) => {
      const { ray: config } = runtimesConfig.parse({ ray: { kind: 'ray', address: ray.address } })
      if (config?.kind !== 'ray') throw new Error('not ray')
      return createRayRuntime({ name: 'ray', owner, config, token: null })
    }
    const nodeName = async (): Promise<string> => {
      const runtime = open('look')
      const [node] = await runtime.inventory()
      await runtime.close()
      return node?.name ?? ''
    }

    runtimeContract('ray', async () => {
      const owner = `test-${++owners}`
      return {
        open: () => open(owner),
        plan: planOf('small'),
        assignment: { ...anywhere, node: await nodeName() },
        waitMs: 90_000,
        takeAway: async (id) => {
          // Not `fetch`: to what looks like a browser Ray tells no variable, and writing that back would lose them.
          const dashboard = connectDashboard(ray.address, null)
          const { applications: all } = await dashboard.serve()
          const rest = Object.entries(all).filter(([name]) => name !== `baleen-${id}`)
          const declared = rest.map(([, one]) => one.deployed_app_config)
          await dashboard.putServe({ applications: declared })
        },
        destroy: async () => {},
      }
    })

    it('serves a model beside what others serve, and leaves that alone', async () => {
      const runtime = open('beside')
      const replicaOf = async () => JSON.stringify((await applications())['other']?.deployments)
      const before = await replicaOf()
      const identity = { id: 'ant-9', deployment: 'ant', revision: 1, specHash: 'a', port: 8000 }
      const { url } = await runtime.start(identity, planOf('ant'), anywhere)
      await until(
        'a running application',
        async () => (await runtime.list())[0]?.waiting === null,
        [],
        120_000,
      )
      expect(url).toBe(`${ray.serve}/ant-9`)
      const models = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] }
      expect(models.data[0]?.id).toBe('ant')
      const body = JSON.stringify({ messages: [{ role: 'user', content: 'hello' }] })
      const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body })
      expect(await answer.json()).toMatchObject({
        choices: [{ message: { role: 'assistant', content: 'you said hello' } }],
      })
      const { signal } = new AbortController()
      const log = await Array.fromAsync(runtime.logs('ant-9', { lines: 50, follow: false, signal }))
      expect(log.join('\n')).toContain('Finished initializing replica')
      await runtime.stop('ant-9', 1000)
      expect(await replicaOf()).toBe(before)
      expect(Object.keys(await applications())).toEqual(['other'])
      await runtime.close()
    })

    it('tells where the metrics of a replica are, and which of them are its own', async () => {
      const runtime = open('metrics')
      const engine = findEngine('ray')
      const read = async (id: string) => {
        const pages = await runtime.metricsOf?.(id)
        return pages ? readMetricsOverHttp(engine, pages, 5000) : null
      }
      const ids = ['bat-1', 'elephant-1']
      for (const id of ids) {
        const deployment = id.slice(0, -2)
        const identity = { id, deployment, revision: 1, specHash: 'a', port: 8000 }
        await runtime.start(identity, planOf(deployment), anywhere)
      }
      const wait = { timeout: 120_000, interval: 1000 }
      await expect.poll(() => read('bat-1'), wait).toMatchObject({ running: 3, waiting: 0 })
      await expect.poll(() => read('elephant-1'), wait).toMatchObject({ running: 8 })
      expect(await runtime.metricsOf?.('nobody')).toBeNull()
      for (const id of ids) await runtime.stop(id, 1000)
      await runtime.close()
    })

    it('says why Ray gives an application up', async () => {
      const runtime = open('broken')
      const events: unknown[] = []
      runtime.watch((event) => events.push(event))
      const identity = { id: 'bee-1', deployment: 'bee', revision: 1, specHash: 'a', port: 8000 }
      const plan = launchPlan({
        argv: ['serve'],
        files: {
          'serve.yaml': stringify({ applications: [{ name: 'x', import_path: 'nothing:here' }] }),
        },
      })
      await runtime.start(identity, plan, anywhere)
      await expect
        .poll(() => events, { timeout: 90_000 })
        .toMatchObject([
          { kind: 'ended', id: 'bee-1', logTail: expect.stringContaining('nothing') as string },
        ])
      await until('its end', async () => !('baleen-bee-1' in (await applications())))
      expect(Object.keys(await applications())).toEqual(['other'])
      await runtime.close()
    })
  },
)

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
import { rayProgram } from './support/ray.ts'
import { freePort, until } from './support/tools.ts'

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
    const folder = mkdtempSync(join(tmpdir(), 'bray-'))
    const python = 'path' in program ? program.path : ''
    const ray = ['-m', 'ray.scripts.scripts']
    const env = {
      ...process.env,
      RAY_USAGE_STATS_ENABLED: '0',
      RAY_agent_register_timeout_ms: '120000',
      PYTHONPATH: join(import.meta.dirname, 'support'),
    }
    let dashboardPort = 0
    let serve = ''
    let owners = 0
    const address = (): string => `http://127.0.0.1:${dashboardPort}`
    const applications = async () => {
      const response = await fetch(`${address()}/api/serve/applications/`)
      const { applications: all } = (await response.json()) as {
        applications: Record<string, { status: string; deployments: Record<string, object> }>
      }
      return all
    }

    const stop = (): void => {
      const options = { env, stdio: 'pipe', timeout: 120_000 } as const
      execFileSync(python, [...ray, 'stop', '--force'], options)
    }

    beforeAll(async () => {
      const [gcsPort, servePort] = await Promise.all([freePort(), freePort()])
      dashboardPort = await freePort()
      serve = `http://127.0.0.1:${servePort}`
      const start = [
        'start',
        '--head',
        '--port',
        String(gcsPort),
        '--num-cpus',
        '8',
        '--dashboard-host',
        '127.0.0.1',
        '--dashboard-port',
        String(dashboardPort),
        '--disable-usage-stats',
        '--temp-dir',
        folder,
      ]
      // On a busy machine its parts may wait too long for each other.
      for (let tries = 3; tries > 0; tries--)
        try {
          execFileSync(python, [...ray, ...start], { env, stdio: 'pipe', timeout: 240_000 })
          break
        } catch (thrown) {
          stop()
          if (tries === 1) throw thrown
        }
      // Something of somebody else, which has to stay as it is.
      const config = {
        http_options: { host: '127.0.0.1', port: servePort },
        applications: [
          {
            name: 'other',
            route_prefix: '/other',
            import_path: 'ray_application:build',
            args: { model: 'other' },
          },
        ],
      }
      const dashboard = connectDashboard(address(), null)
      // Serve itself is started by the first one, which a busy machine may take too long for.
      const declare = () => dashboard.putServe(config).then(() => true)
      await until('a declared application', declare, [], 240_000)
      await until(
        'the other application',
        async () => (await applications())['other']?.status === 'RUNNING',
        [],
        240_000,
      )
    }, 600_000)
    afterAll(() => {
      stop()
      rmSync(folder, { recursive: true, force: true })
    })

    const open = (owner: string) => {
      const { ray } = runtimesConfig.parse({ ray: { kind: 'ray', address: address() } })
      if (ray?.kind !== 'ray') throw new Error('not ray')
      return createRayRuntime({ name: 'ray', owner, config: ray, token: null })
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
          const dashboard = connectDashboard(address(), null)
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
      expect(url).toBe(`${serve}/ant-9`)
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

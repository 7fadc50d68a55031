import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { DeploymentView } from '../../src/contract/deployment.ts'
import { serve, until, type Serving } from '../e2e/serving.ts'
import { writeHuggingFaceModel } from './support/hugging-face-model.ts'
import { rayLlmProgram, startRay, type RayHead } from './support/ray.ts'

const program = rayLlmProgram()
/** Ray takes half a minute to start anything on a busy machine, and vLLM minutes. */
const startMs = 900_000
const name = 'mini'

describe.skipIf('missing' in program)(
  `Ray’s own LLM application${'missing' in program ? ` (skipped: ${program.missing})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'baleen-ray-llm-'))
    const model = join(folder, 'minimind')
    let ray: RayHead
    let serving: Serving
    let before = ''

    const other = async (): Promise<string> =>
      JSON.stringify((await ray.applications())['other']?.deployments)
    const deploy = (settings: object) => {
      const file = join(folder, 'mini.yaml')
      const common = {
        gpu: 'off',
        sequencesMax: 4,
        compileLevel: 0,
        drainTimeoutS: 10,
        environment: { VLLM_CPU_KVCACHE_SPACE: '1' },
      }
      const spec = {
        name,
        model,
        engine: 'ray',
        runtime: 'ray',
        settings: { ...common, ...settings },
      }
      writeFileSync(file, stringify(spec))
      return serving.baleen('deploy', '-f', file)
    }
    const deployment = async (): Promise<DeploymentView> =>
      (await (await serving.api('GET', `/deployments/${name}`)).json()) as DeploymentView
    const ask = async (): Promise<string> => {
      const answer = await serving.openai().chat.completions.create(
        {
          model: name,
          messages: [{ role: 'user', content: 'What is the capital of France?' }],
          temperature: 0,
          max_completion_tokens: 24,
        },
        { timeout: startMs },
      )
      return answer.choices[0]?.message.content ?? ''
    }

    beforeAll(async () => {
      writeHuggingFaceModel(model)
      ray = await startRay('path' in program ? program.path : '')
      before = await other()
      serving = await serve({
        config: {
          deployments: [],
          runtimes: { ray: { kind: 'ray', address: ray.address, autoscale: { min: 1, max: 2 } } },
        },
      })
    }, startMs)
    afterAll(async () => {
      await serving?.close()
      ray?.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    it(
      'starts, and answers through the gateway',
      async () => {
        const { code, stdout, stderr } = await deploy({ contextTokens: 2048 })
        expect(code, stdout + stderr).toBe(0)
        expect(stderr).not.toContain('not honoured')
        expect(await ask()).toContain('Paris')
        const { data } = await serving.openai().models.list()
        expect(data.map(({ id }) => id)).toEqual([name])
      },
      startMs,
    )

    it(
      'tells its load, its log, and that Ray may scale it',
      async () => {
        const longStory = {
          model: name,
          messages: [{ role: 'user' as const, content: 'Tell me a long story' }],
          max_completion_tokens: 1500,
          stream: true as const,
          ignore_eos: true,
        }
        const stream = await serving
          .openai()
          .chat.completions.create(longStory, { timeout: startMs })
        const [replica] = (await deployment()).replicas
        await until(
          'what runs is told',
          async () => (await deployment()).replicas[0]?.load?.running === 1,
          60_000,
        )
        stream.controller.abort()
        const { stdout } = await serving.baleen('logs', replica!.id)
        expect(stdout).toContain('Finished initializing replica')
        const details = (await (await fetch(`${ray.address}/api/serve/applications/`)).json()) as {
          applications: Record<
            string,
            { deployments: Record<string, { deployment_config: object }> }
          >
        }
        const { deployments } = details.applications[`baleen-${replica!.id}`]!
        const engine = Object.entries(deployments).find(([one]) => one.startsWith('LLMServer'))
        expect(engine?.[1].deployment_config).toMatchObject({
          autoscaling_config: { min_replicas: 1, max_replicas: 2, target_ongoing_requests: 32 },
        })
      },
      startMs,
    )

    it(
      'is replaced by a change while it goes on answering',
      async () => {
        let isDone = false
        const done = deploy({ contextTokens: 1024 }).finally(() => (isDone = true))
        let answered = 0
        while (!isDone) {
          expect(await ask()).toContain('Paris')
          answered++
        }
        const { code, stdout, stderr } = await done
        expect(code, stdout + stderr).toBe(0)
        expect(answered).toBeGreaterThan(0)
        expect(
          (await deployment()).replicas.filter(({ state }) => state === 'ready'),
        ).toMatchObject([{ revision: 2 }])
      },
      startMs,
    )

    it(
      'leaves what others serve alone, to its end',
      async () => {
        await serving.baleen('stop', name)
        const left = async () => Object.keys(await ray.applications())
        await until('its end', async () => (await left()).length === 1, 120_000)
        expect(await left()).toEqual(['other'])
        expect(await other()).toBe(before)
      },
      startMs,
    )
  },
)

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { DeploymentView, ReplicaView } from '../../src/contract/deployment.ts'
import { engineContract } from '../../src/engines/engine.contract.ts'
import { findEngine } from '../../src/engines/index.ts'
import { serve, until, type Serving } from '../e2e/serving.ts'
import { writeHuggingFaceModel } from './support/hugging-face-model.ts'
import { writeLoraAdapter } from './support/lora-adapter.ts'
import { vllmProgram } from './support/vllm.ts'

const program = vllmProgram()
/** So much as a small model needs, and nothing compiled. */
const small = [
  '--engine=vllm',
  '--set=sequencesMax=4',
  '--set=compileLevel=0',
  '--set=environment.VLLM_CPU_KVCACHE_SPACE=1',
]
/** A busy machine takes minutes to load that much Python. */
const startMs = 600_000

describe.skipIf('missing' in program)(
  `vLLM on a CPU${'missing' in program ? ` (skipped: ${program.missing})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'baleen-vllm-'))
    const model = join(folder, 'minimind')
    let serving: Serving

    beforeAll(async () => {
      writeHuggingFaceModel(model)
      const vllm = { program: 'path' in program ? program.path : '' }
      serving = await serve({ config: { engines: { vllm }, deployments: [] } })
      const words = [model, '--name=mini', ...small, '--set=contextTokens=2048']
      const { code, stderr } = await serving.baleen('deploy', ...words)
      expect(stderr).not.toContain('not honoured')
      expect(code).toBe(0)
    }, startMs)
    afterAll(async () => {
      await serving?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    const deployment = async (name: string): Promise<DeploymentView> =>
      (await (await serving.api('GET', `/deployments/${name}`)).json()) as DeploymentView
    const replica = async (): Promise<ReplicaView> => (await deployment('mini')).replicas[0]!
    const longStory = {
      model: 'mini',
      messages: [{ role: 'user' as const, content: 'Tell me a long story' }],
      stream: true as const,
      ignore_eos: true,
    }
    const story = (tokens = 150) =>
      serving.openai().chat.completions.create({ ...longStory, max_completion_tokens: tokens })

    engineContract(
      'vLLM',
      { ...findEngine('vllm'), tasks: ['generate'] },
      async () => ({ url: (await replica()).url ?? '' }),
      { isOurs: false },
    )

    it('answers through the gateway, and tells its load', async () => {
      const answer = await serving.openai().chat.completions.create({
        model: 'mini',
        messages: [{ role: 'user', content: 'What is the capital of France?' }],
        temperature: 0,
      })
      expect(answer.choices[0]?.message.content).toContain('Paris')
      const [one, other] = await Promise.all([story(1500), story(1500)])
      await until('both run', async () => (await replica()).load?.running === 2, 20_000)
      one.controller.abort()
      other.controller.abort()
      await until('none runs', async () => (await replica()).load?.running === 0, 20_000)
    })

    it(
      'says why it does not start',
      async () => {
        const words = [model, '--name=long', ...small, '--set=contextTokens=40000', '--no-wait']
        await serving.baleen('deploy', ...words)
        await until(
          'an explanation',
          async () => (await deployment('long')).status.includes('made for 32768 tokens'),
          startMs,
        )
        await serving.api('DELETE', '/deployments/long')
      },
      startMs,
    )

    it('finishes what it writes before it ends', async () => {
      const stream = await story()
      const chunks = stream[Symbol.asyncIterator]()
      await chunks.next()
      await serving.api('POST', '/deployments/mini/scale', { replicas: 0 })
      let count = 0
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) count++
      expect(count).toBeGreaterThan(100)
      await until('its end', async () => (await deployment('mini')).replicas.length === 0, 90_000)
    }, 200_000)

    describe('with adapters', () => {
      const pathOf = (name: string): string => join(folder, name)
      const adapter = (name: string) => ({ name, path: pathOf(name) })
      const tuned = (lora: object, changes: object = {}) => ({
        name: 'tuned',
        model,
        engine: 'vllm',
        ...changes,
        settings: {
          sequencesMax: 4,
          compileLevel: 0,
          contextTokens: 2048,
          environment: { VLLM_CPU_KVCACHE_SPACE: '1' },
          lora: { rankMax: 8, ...lora },
        },
      })
      const deploy = (spec: object, ...flags: readonly string[]) => {
        const file = join(folder, 'tuned.yaml')
        writeFileSync(file, stringify(spec))
        return serving.baleen('deploy', '-f', file, ...flags)
      }
      const ask = async (name: string, at = serving.openai()) => {
        const answer = await at.chat.completions.create(
          {
            model: name,
            messages: [{ role: 'user', content: 'What is the capital of France?' }],
            temperature: 0,
            max_completion_tokens: 24,
          },
          { timeout: startMs },
        )
        return { model: answer.model, said: answer.choices[0]?.message.content ?? '' }
      }

      beforeAll(() => {
        writeLoraAdapter(pathOf('pirate'), 8, 1)
        writeLoraAdapter(pathOf('poet'), 8, 2)
        writeLoraAdapter(pathOf('wide'), 32, 3)
      })

      it(
        'answers each by its name, and says that it does not sleep',
        async () => {
          const spec = tuned({ adapters: [adapter('pirate')], dynamic: 'on' })
          const { code, stderr } = await deploy({
            ...spec,
            settings: { ...spec.settings, sleepMode: 'on' },
          })
          expect(stderr).toContain('not honoured: sleepMode: vLLM does not sleep on a CPU')
          expect(code).toBe(0)
          const { data } = await serving.openai().models.list()
          expect(data.map(({ id }) => id)).toEqual(['mini', 'tuned', 'pirate'])
          const plain = await ask('tuned')
          const adapted = await ask('pirate')
          expect(plain.said).toContain('Paris')
          expect(adapted.model).toBe('pirate')
          expect(adapted.said).not.toBe(plain.said)
        },
        startMs,
      )

      it('takes another while it runs, and lets it go', async () => {
        const [before] = (await deployment('tuned')).replicas
        const { code, stdout, stderr } = await deploy(
          tuned({ adapters: [adapter('pirate'), adapter('poet')], dynamic: 'on' }),
        )
        expect(code, stdout + stderr).toBe(0)
        const names = async () => (await serving.openai().models.list()).data.map(({ id }) => id)
        await until('it is had', async () => (await ask('poet')).model === 'poet')
        expect((await ask('poet')).said).not.toBe((await ask('pirate')).said)
        await deploy(tuned({ adapters: [adapter('poet'), adapter('wide')], dynamic: 'on' }))
        await until('the other is gone', async () => !(await names()).includes('pirate'))
        await expect(ask('pirate')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
        expect((await ask('poet')).model).toBe('poet')
        await until('it is said that one can not be had', async () =>
          (await deployment('tuned')).warnings.some((text) => text.includes('LoRA rank 32')),
        )
        const [after] = (await deployment('tuned')).replicas
        expect([after!.id, after!.pid]).toEqual([before!.id, before!.pid])
      })

      it(
        'has them from the start where it takes none, and goes on answering until then',
        async () => {
          const before = await ask('poet')
          let isDone = false
          const done = deploy(tuned({ adapters: [adapter('poet')] })).finally(() => (isDone = true))
          let answered = 0
          while (!isDone) {
            expect((await ask('poet')).said).toBe(before.said)
            answered++
          }
          const { code, stdout, stderr } = await done
          expect(code, stdout + stderr).toBe(0)
          expect(answered).toBeGreaterThan(0)
          expect((await ask('poet')).said).toBe(before.said)
        },
        startMs,
      )

      it(
        'says why one can not be loaded',
        async () => {
          await deploy({ ...tuned({ adapters: [adapter('wide')] }), name: 'broad' }, '--no-wait')
          const status = async (): Promise<string> => (await deployment('broad')).status
          await until(
            'an explanation',
            async () => (await status()).includes('has the rank 32, and room is made for 8'),
            startMs,
          )
          await serving.api('DELETE', '/deployments/broad')
        },
        startMs,
      )

      it(
        'ends when nobody asks, and is started by who asks for an adapter',
        async () => {
          const scaling = { min: 0, max: 1, idleToZero: '5s', wakeDeadline: '10m' }
          await deploy(tuned({ adapters: [adapter('poet')] }, { scaling }))
          await until(
            'its sleep',
            async () => {
              const { replicas, status } = await deployment('tuned')
              return replicas.length === 0 && status.includes('asleep')
            },
            150_000,
          )
          expect((await ask('poet')).model).toBe('poet')
        },
        startMs,
      )
    })
  },
)

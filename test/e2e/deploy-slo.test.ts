import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serve, type Serving } from './serving.ts'

const chat = (serving: Serving, model: string): Promise<Response> =>
  fetch(`${serving.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${serving.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 4, messages: [{ role: 'user', content: 'Hi' }] }),
  })

describe('baleen deploy MODEL --slo', () => {
  let serving: Serving
  beforeAll(async () => {
    serving = await serve({ config: { deployments: [] } })
  }, 120_000)
  afterAll(() => serving?.close(), 60_000)

  const deploy = (model: string, ...flags: readonly string[]) =>
    serving.baleen('deploy', model, '--yes', '--quick', '--ready-timeout', '60s', ...flags)

  it('plays devices that are not here on the engine `simulated`, as planned', async () => {
    const slo = 'ttft.p95=500ms,tpot.p95=50ms'
    const place = ['--hardware', 'h100:8', '--slo', slo, '--rate', '4/s', '--json']
    const { code, stdout, stderr } = await deploy('llama-3.1-70b', ...place)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const { plan, deployment } = JSON.parse(stdout)
    const { settings } = plan.configurations[0]
    expect(deployment.spec).toMatchObject({
      engine: 'simulated',
      replicas: settings.replicas,
      hardware: `${settings.device}:${settings.devices / settings.replicas}`,
      settings: { tensorParallel: settings.tensorParallel, sequencesMax: settings.maxSequences },
    })
    const answer = await chat(serving, 'llama-3-1-70b')
    expect(answer.status, await answer.text()).toBe(200)
  })

  it('takes the embedded engine where nothing else is here', async () => {
    const load = ['--workload', '50,20', '--rate', '0.1', '--slo', 'ttft.p95=10s,tpot.p95=500ms']
    const { code, stderr } = await deploy('bundled:minimind2-small', ...load, '--name', 'mini')
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const answer = await chat(serving, 'mini')
    expect(answer.status, await answer.text()).toBe(200)
  })

  it('starts nothing where no plan keeps the SLO', async () => {
    const place = ['--hardware', 'l4:1', '--slo', 'ttft.p95=50ms']
    const { code, stderr } = await deploy('llama-3.1-8b', ...place)
    expect({ code, stderr }).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/deployment\/slo-unmet: .*nearest: /),
    })
    expect((await serving.api('GET', '/deployments/llama-3-1-8b')).status).toBe(404)
  })
})

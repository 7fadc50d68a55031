import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { deploymentSpec } from '../../contract/deployment.ts'
import { runCommand } from '../cli.fixture.ts'

const directory = mkdtempSync(join(tmpdir(), 'baleen plan '))
afterAll(() => rmSync(directory, { recursive: true }))

const played = ['plan', 'llama-3.1-8b', '--gpu', 'l40s:2', '--slo', 'ttft.p95=1s,tpot.p95=60ms']
const chat = [...played, '--quick']

describe('baleen plan', () => {
  it('ranks configurations with an interval on each figure', async () => {
    const { code, stdout } = await runCommand([...played, '--engine', 'vllm', '--json'])
    expect(code).toBe(0)
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ status: 'meets', slo: { 'ttft.p95': 1000, 'tpot.p95': 60 } })
    const [best] = report.configurations
    expect(best.settings).toMatchObject({ device: 'L40S', speculative: { method: 'eagle' } })
    for (const figure of ['ttftMs', 'tpotMs', 'e2eMs'])
      for (const statistic of ['mean', 'p50', 'p95', 'p99']) {
        const { value, low, high } = best.predicted[figure][statistic]
        expect(low).toBeLessThan(value)
        expect(high).toBeGreaterThan(value)
      }
    expect(Object.keys(best.why)).toEqual(expect.arrayContaining(['engine', 'maxSequences']))
    expect(report.sensitivity).toHaveLength(10)
    expect(best.rehearsed).toMatchObject({ requests: 500, ttft: { p95: expect.any(Number) } })
    expect(best.coldStart.cold).toBeGreaterThan(best.coldStart.warm)
  })

  it('plays a model that only reads, and has no limit on what it does not write', async () => {
    const { stdout } = await runCommand(['plan', 'bge-m3', '--gpu', 'l40s', '--json'])
    const { slo, configurations } = JSON.parse(stdout)
    expect(slo).toEqual({ 'ttft.p95': expect.any(Number) })
    expect(configurations[0].rehearsed.ttft.p95).toBeGreaterThan(1)
    const { code, stderr } = await runCommand([
      'plan',
      'bge-m3',
      '--gpu',
      'l40s',
      '--slo',
      'tpot=9ms',
    ])
    expect(code).toBe(2)
    expect(stderr).toMatch(/writes no tokens/)
  })

  it('sets types of devices side by side, and plays what it shows', async () => {
    const gpu =
      'plan llama-3.1-8b --gpu h100:1,l40s:1 --engine vllm --workload 300,60 --rate 2/s'.split(' ')
    const { stdout } = await runCommand([...gpu, '--json'])
    const { byDevice, configurations } = JSON.parse(stdout)
    expect(
      byDevice.map(({ settings }: { settings: { device: string } }) => settings.device),
    ).toEqual(expect.arrayContaining(['H100-SXM-80GB', 'L40S']))
    expect(configurations[0]).toMatchObject({
      rehearsed: { replicas: 1 },
      evidence: expect.stringMatching(/^(known|partly|unknown)$/),
    })
    const text = (await runCommand([...gpu, '--quick'])).stdout
    expect(text).toContain('Each type of devices at its best')
    expect(text).not.toMatch(/±\d{3}/)
  })

  it('draws the memory and says why', async () => {
    const { stdout } = await runCommand([...chat, '--explain'])
    expect(stdout).toMatch(/│█+▓*▒+░+·+│/)
    expect(stdout).toMatch(/maxSequences +\d+/)
    expect(stdout).toMatch(/speculative +(off|[a-z]+\d) /)
    expect(stdout).toMatch(/ttft\.p95 ≤ 500 ms/)
  })

  it('writes a script for an engine, with only that engine planned', async () => {
    const { stdout } = await runCommand([...chat, '--emit', 'sglang'])
    expect(stdout).toMatch(/^#!\/bin\/sh\n/)
    expect(stdout).toMatch(/sglang\.launch_server --model-path|--model-path meta-llama/)
    expect(stdout).toMatch(/--mem-fraction-static 0\.\d+/)
  })

  it.each([
    ['deepseek-r1', 'deepseek-ai/DeepSeek-R1'],
    ['NousResearch/Hermes-3-Llama-3.1-8B', 'NousResearch/Hermes-3-Llama-3.1-8B'],
  ])('loads the weights that were meant by %s', async (name, repo) => {
    const { stdout } = await runCommand([
      'plan',
      name,
      '--gpu',
      'h200:8',
      '--quick',
      '--emit',
      'vllm',
    ])
    expect(stdout).toMatch(new RegExp(`vllm serve ${repo}\\s`))
  })

  it('writes objects that Kubernetes reads', async () => {
    const { stdout } = await runCommand([...chat, '--engine', 'trtllm', '--emit', 'kubernetes'])
    const objects = parseAllDocuments(stdout).map((document) => document.toJS())
    expect(objects.map(({ kind }) => kind)).toEqual([
      'ConfigMap',
      'Deployment',
      'Service',
      'PodDisruptionBudget',
    ])
    const [container] = objects[1].spec.template.spec.containers
    expect(container.command[0]).toBe('trtllm-serve')
    expect(Number(container.resources.limits['nvidia.com/gpu'])).toBeGreaterThan(0)
  })

  it('writes a deployment that Baleen takes', async () => {
    const { stdout } = await runCommand([...chat, '--emit', 'baleen'])
    expect(deploymentSpec.parse(parse(stdout).deployments[0])).toMatchObject({
      name: 'llama-3-1-8b-instruct',
    })
  })

  it.each(['vllm', 'trtllm', 'llama', 'ray'])('writes for %s', async (format) => {
    const { code, stdout } = await runCommand([...chat, '--min-quality', '0', '--emit', format])
    expect(code).toBe(0)
    expect(stdout).toMatch(/Llama-3\.1-8B/)
  })

  it('plans a model from its config.json, for numbers of one’s own, with own prices', async () => {
    const config = join(directory, 'config.json')
    writeFileSync(
      config,
      JSON.stringify({
        model_type: 'llama',
        num_hidden_layers: 22,
        hidden_size: 2048,
        num_attention_heads: 32,
        num_key_value_heads: 4,
        intermediate_size: 5632,
        vocab_size: 32_000,
        max_position_embeddings: 2048,
      }),
    )
    const prices = join(directory, 'prices.json')
    writeFileSync(prices, '{"mine": {"owned": {"priceUsd": 8760, "years": 1, "usdPerKwh": 0}}}')
    const gpu = 'mine/memory=24GB/bandwidth=900/bf16=150:1'
    const { stdout } = await runCommand(
      [
        'plan',
        config,
        '--gpu',
        gpu,
        '--workload',
        '500,100',
        '--price',
        'owned',
        '--prices',
        prices,
      ].concat('--json'),
    )
    expect(JSON.parse(stdout).configurations[0].predicted.usdPerHour).toBeCloseTo(1, 5)
  })

  it.each([
    ['no devices', ['plan', 'llama-3.1-8b']],
    ['an unknown model', ['plan', 'no-such-model', '--gpu', 'h100:1']],
    ['an unknown device', ['plan', 'llama-3.1-8b', '--gpu', 'abacus:8']],
    ['an unknown workload', [...chat, '--workload', 'chatt']],
    ['a limit without a unit', ['plan', 'llama-3.1-8b', '--gpu', 'l4:1', '--slo', 'ttft=5']],
    ['a rate of nothing', [...chat, '--rate', '0']],
    ['a quality beyond one', [...chat, '--min-quality', '2']],
    ['an unknown engine', [...chat, '--engine', 'steam']],
  ])('refuses %s with a hint', async (_, argv) => {
    const { code, stdout, stderr } = await runCommand(argv)
    expect(code).not.toBe(0)
    expect(stdout).toBe('')
    expect(stderr).not.toMatch(/ at .*\.ts:/)
  })
})

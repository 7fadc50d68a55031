import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { chatStream, plainAnswer } from '../../../test/golden-server/golden-script.ts'
import { startGoldenServer, type GoldenServer } from '../../../test/golden-server/golden-server.ts'
import { injectionReport, type InjectionReport } from '../../contract/injection.ts'
import type { InjectionComparison, InjectionSweep } from '../../contract/injection-study.ts'
import { runCommand } from '../cli.fixture.ts'

// Processes and sockets: on a machine that is busy with other tests they take their time.

let folder: string
let server: GoldenServer
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'baleen-inject-'))
  server = await startGoldenServer(({ path }) =>
    path.endsWith('/models')
      ? plainAnswer(200, '{"data":[{"id":"golden"}]}')
      : path === '/metrics'
        ? plainAnswer(404, '')
        : chatStream({ texts: ['a', 'b', 'c'], firstMs: 4, gapMs: 2 }),
  )
})
afterEach(async () => {
  await server.close()
  rmSync(folder, { recursive: true })
})

const baleen = (...argv: (string | readonly string[])[]) =>
  runCommand(argv.flat(), { variables: { BALEEN_DATA: folder } })
const quick = ['--rate', '40', '--duration', '500ms', '--arrivals', 'constant']

describe('inject', () => {
  it('ends with one JSON object, which report.json holds too', async () => {
    const { code, stdout } = await baleen('inject', server.url, ...quick, '--seed', '1', '--json')
    expect(code).toBe(0)
    const report = JSON.parse(stdout) as InjectionReport
    expect(injectionReport.parse(report)).toEqual(report)
    expect(report.spec.models).toEqual([{ name: 'golden', weight: 1 }])
    const { summary } = report
    for (const name of ['ttftMs', 'ttftServiceMs', 'tpotMs', 'iclMs', 'e2eMs'] as const)
      for (const figure of ['mean', 'p50', 'p90', 'p95', 'p99', 'max'] as const)
        expect(summary[name][figure]).toBeTypeOf('number')
    expect(summary.outcomes).toEqual({ ok: 20 })
    expect(summary.attainment).toBe(1)
    expect(summary.validity.isConserved).toBe(true)
    const kept = join(folder, 'runs', report.id)
    expect(JSON.parse(readFileSync(join(kept, 'report.json'), 'utf8'))).toEqual(report)
    const csv = readFileSync(join(kept, 'requests.csv'), 'utf8').trim().split('\n')
    expect(csv).toHaveLength(21)
    const html = readFileSync(join(kept, 'report.html'), 'utf8')
    expect(html).toContain('<svg')
    expect(html).not.toMatch(/NaN|undefined|https?:\/\/(?!127\.0\.0\.1)/)
  })

  it('makes a run again from what was kept: the same requests', async () => {
    await baleen('inject', server.url, ...quick, '--output-tokens', 'uniform:min=1,max=90')
    const bodies = () =>
      server.arrivals
        .filter(({ path }) => path.includes('chat'))
        .map(({ body }) => JSON.stringify(body))
        .sort()
    const first = bodies()
    const { code } = await baleen('inject', '--again', 'last')
    expect(code).toBe(0)
    expect(bodies()).toEqual([...first, ...first].sort())
    const { stdout } = await baleen('injection', 'list', '--json')
    const { injections } = JSON.parse(stdout) as { injections: { id: string }[] }
    expect(injections).toHaveLength(2)
    const compared = await baleen('injection', 'compare', ...injections.map(({ id }) => id))
    expect(compared.stdout).toMatch(/TTFT p50, ms +[\d.]+ +[\d.]+ \([+−]/)
    expect((await baleen('injection', 'again', 'last', '--json')).code).toBe(0)
    expect(bodies()).toEqual([...first, ...first, ...first].sort())
    await baleen('injection', 'rm', injections[0]!.id)
    expect(existsSync(join(folder, 'runs', injections[0]!.id))).toBe(false)
    expect((await baleen('injection', 'show', 'last')).stdout).toContain('TTFT')
  })

  it('writes progress as JSON lines before the object', async () => {
    const { stdout } = await baleen('inject', server.url, ...quick, '--json', '--json-lines')
    const kinds = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { kind: string }).kind)
    expect(kinds.at(-1)).toBe('injection-report')
    expect(kinds.slice(0, -1).every((kind) => kind === 'injection-progress')).toBe(true)
  })

  it('compares two targets ABBA', async () => {
    const { stdout } = await baleen([
      'inject',
      '--compare',
      server.url,
      server.url,
      ...quick,
      '--pairs',
      '2',
      '--json',
    ])
    const comparison = JSON.parse(stdout) as InjectionComparison
    // A busy machine sends late, and a pair that was is left out by name.
    const leftOut = new Set(comparison.leftOut.map((text) => text.split(',')[0]))
    expect(comparison.pairs + leftOut.size).toBe(2)
    expect(comparison.objections.join()).toMatch(/pairs of runs/)
    if (leftOut.size === 0) expect(comparison.metrics.map(({ name }) => name)).toContain('TTFT p50')
  })

  it('sweeps up to the rate allowed', async () => {
    const { stdout } = await baleen(
      ['inject', server.url, '--sweep', '--slo', 'ttft=20s', '--target', '90%'],
      ['--rate', '40', '--max-rate', '40', '--requests', '80', '--duration', '500ms', '--json'],
    )
    const sweep = JSON.parse(stdout) as InjectionSweep
    expect(sweep.probes.length).toBeGreaterThan(0)
    expect(sweep.probes.every(({ ratePerS }) => ratePerS <= 40)).toBe(true)
    expect(existsSync(join(folder, 'runs', sweep.id, 'sweep.html'))).toBe(true)
  })

  it.each([
    [['--rate', 'x'], 2, /--rate is a number/],
    [['--rate', '0'], 2, /above 0/],
    [['--users', '2', '--rate', '1'], 2, /choose/],
    [['--arrivals', 'trace'], 2, /needs --trace/],
    [['--arrivals', 'poison'], 1, /Did you mean poisson/],
    [['--slo', 'ttfft=1s'], 2, /ttft, tpot/],
    [['--output-tokens', 'many'], 1, /not a length/],
    [['--body', '[1]'], 2, /JSON object/],
    [['--max-cost', '1'], 2, /needs --price/],
    [['--trace', '/nonexistent.csv'], 1, /can't read/],
    [['--header', 'x'], 2, /no colon/],
  ])('refuses %j', async (argv, expected, message) => {
    const { code, stderr } = await baleen('inject', server.url, ...argv)
    expect(stderr).toMatch(message)
    expect(code).toBe(expected)
  })

  it('says where nothing answers', async () => {
    const { code, stderr } = await baleen('inject', 'http://127.0.0.1:1', '-m', 'x')
    expect(code).toBe(1)
    expect(stderr).toMatch(/injection\/unreachable: nothing answers at 127\.0\.0\.1:1/)
  })
})

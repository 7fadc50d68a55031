import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../core/errors.ts'
import { parseFleet } from './fleet.ts'
import { parseWorkload } from './parse-workload.ts'
import { workloadPresets } from './presets.ts'
import { parseRate, parseSlo } from './slo.ts'
import { lengthQuantile } from './workload.ts'

describe('parseSlo', () => {
  it('reads limits, p95 where nothing stands, the last of two', () => {
    expect(parseSlo('ttft=500ms, tpot.mean=0.05s,ttft.p95=1s')).toEqual([
      { figure: 'ttft', statistic: 'p95', limitMs: 1000 },
      { figure: 'tpot', statistic: 'mean', limitMs: 50 },
    ])
  })
})

describe('parseRate', () => {
  it.each([
    ['12/s', 12],
    ['90/m', 1.5],
    ['3600/h', 1],
    ['4', 4],
  ])('reads %s', (text, expected) => expect(parseRate(text)).toBe(expected))
})

describe('parseWorkload', () => {
  it('has every preset with a source', () => {
    for (const preset of workloadPresets) {
      expect(parseWorkload(preset.name)).toBe(preset)
      expect(preset.source).not.toBe('')
    }
  })

  it('reads lengths', () =>
    expect(parseWorkload('1000,200')).toMatchObject({
      inputTokens: { mean: 1000 },
      outputTokens: { mean: 200 },
    }))
})

describe('parseFleet', () => {
  const none = () => null

  it('reads types, counts and numbers of one’s own', () => {
    expect(
      parseFleet('h100:4,l40s:8,h100', none).map(({ device, count }) => [device.name, count]),
    ).toEqual([
      ['H100-SXM-80GB', 5],
      ['L40S', 8],
    ])
    const [own] = parseFleet('mine/memory=48GB/bandwidth=864/bf16=181/fp8=362:2', none)
    expect(own).toMatchObject({ count: 2, device: { memoryBytes: 48e9, tflops: { fp8: 362 } } })
  })

  it('says so where nothing is here', () =>
    expect(() => parseFleet('local', none)).toThrow(/nothing to run/))
})

describe('any text', () => {
  it.each([
    ['slo', parseSlo],
    ['rate', parseRate],
    ['workload', parseWorkload],
    ['fleet', (text: string) => parseFleet(text, () => null)],
  ])('%s is read or refused with a code', (_, parse) => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9.,=/:]*$/)), (text) => {
        try {
          parse(text)
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(AppError)
        }
      }),
    )
  })
})

describe('lengthQuantile', () => {
  it('is the mean without spread, and grows with it', () => {
    expect(lengthQuantile({ mean: 100, spread: 0 }, 3)).toBe(100)
    expect(lengthQuantile({ mean: 100, spread: 1 }, 2)).toBeGreaterThan(300)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatBytes, formatDurationMs, parseBytes, parseCount, parseDurationMs } from './units.ts'

describe('parseBytes', () => {
  it.each([
    ['0', 0],
    ['512', 512],
    ['1kb', 1000],
    ['1KiB', 1024],
    ['16 MiB', 16_777_216],
    ['1.5GiB', 1_610_612_736],
    ['2TB', 2e12],
  ])('%s', (text, bytes) => expect(parseBytes(text)).toBe(bytes))
})

describe('parseDurationMs', () => {
  it.each([
    ['500ms', 500],
    ['1.5s', 1500],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('%s', (text, ms) => expect(parseDurationMs(text)).toBe(ms))

  it('wants a unit', () => expect(() => parseDurationMs('30')).toThrow('write it like 500ms'))
})

describe('parseCount', () => {
  it.each([
    ['8000', 8000],
    ['8k', 8000],
    ['8ki', 8192],
    ['1.5M', 1_500_000],
  ])('%s', (text, count) => expect(parseCount(text)).toBe(count))
})

describe('all of them', () => {
  const parsers = [parseBytes, parseDurationMs, parseCount]

  it.each(['', ' ', '-1s', '1e3', 'k', '1 0k', '1,5k', '1xb', 'NaN', '٣s', '1s2s', 'none'])(
    'refuse "%s"',
    (text) => {
      for (const parse of parsers) expect(() => parse(text)).toThrow(/is not a/)
    },
  )

  it('give a finite number or a coded error for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string({ unit: fc.constantFrom(...'0123456789.kmgibs '.split('')) }),
        ),
        (text) => {
          for (const parse of parsers)
            try {
              expect(parse(text)).toBeGreaterThanOrEqual(0)
            } catch (thrown) {
              expect(thrown).toMatchObject({ code: 'request/invalid' })
            }
        },
      ),
    )
  })
})

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1_048_570, '1.0 MiB'],
    [16_777_216, '16.0 MiB'],
    [5 * 2 ** 50, '5120.0 TiB'],
  ])('%d', (bytes, text) => expect(formatBytes(bytes)).toBe(text))

  it('is read back to within its last digit', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), (bytes) => {
        expect(Math.abs(parseBytes(formatBytes(bytes)) - bytes)).toBeLessThanOrEqual(bytes * 0.051)
      }),
    )
  })
})

describe('formatDurationMs', () => {
  it.each([
    [0, '0ms'],
    [340.4, '340ms'],
    [1000, '1s'],
    [2540, '2.5s'],
    [999.6, '1s'],
    [59_949, '59.9s'],
    [59_960, '1m'],
    [3_599_600, '1h'],
    [60_000, '1m'],
    [90_000, '1m30s'],
    [3_600_000, '1h'],
    [3_660_000, '1h1m'],
    [90_061_000, '1d1h'],
  ])('%d', (ms, text) => expect(formatDurationMs(ms)).toBe(text))

  it('never says sixty of a smaller unit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e9 }).map((n) => n / 10),
        (ms) => {
          expect(formatDurationMs(ms)).not.toMatch(/^(1000ms|60s)|60[sm]$/)
        },
      ),
    )
  })
})

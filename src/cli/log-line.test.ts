import { expect, it } from 'vitest'
import { formatLogLine, parseLogLine } from './log-line.ts'

const told = (line: string) => formatLogLine(parseLogLine(line))

it('turns an engine’s JSON into words, with the replica that said it', () => {
  expect(
    told('small-k3x9q1  {"level":50,"time":0,"role":"engine","loadMs":12,"pid":1,"msg":"no room"}'),
  ).toBe('1970-01-01T00:00:00.000Z  small-k3x9q1  error  no room  loadMs=12')
  expect(told('{"level":30,"time":0,"msg":"ready"}')).toBe('1970-01-01T00:00:00.000Z  ready')
})

it('leaves everything else as it is', () => {
  for (const line of ['small-k3x9q1  out of memory', 'two  words', '{half', '{}x', ''])
    expect(told(line)).toBe(line)
  expect(told('{"time":1e99,"msg":"no such date"}')).toBe('{"time":1e99,"msg":"no such date"}')
  expect(told('{"msg":"x","deep":{"a":1}}')).toBe('x  deep={"a":1}')
})

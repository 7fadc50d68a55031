import { describe, expect, it } from 'vitest'
import type { Boot } from '../contract/boot.ts'
import { config } from '../contract/config.ts'
import { bootEnvironment, readEnvironment } from './environment.ts'

describe('readEnvironment', () => {
  it('takes an empty variable for an unset one', () => {
    expect(readEnvironment({ HOME: '/h', BALEEN_URL: '', HF_TOKEN: 't' })).toMatchObject({
      home: '/h',
      url: undefined,
      hubToken: 't',
    })
  })

  it.each([
    [{}, null],
    [{ NO_COLOR: '1' }, false],
    [{ NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    [{ FORCE_COLOR: '1' }, true],
    [{ FORCE_COLOR: '0' }, false],
    [{ TERM: 'dumb' }, false],
  ])('%j decides on colour', (variables, color) => {
    expect(readEnvironment(variables).color).toBe(color)
  })
})

it('tells a child what it is in a form that outlives the way', () => {
  const boot: Boot = {
    role: 'gateway',
    index: 1,
    gateways: 2,
    dataDirectory: '/data',
    config: config.parse({}),
    gatewayUrl: 'http://127.0.0.1:8080',
  }
  const { BALEEN_BOOT, ...rest } = bootEnvironment(boot)
  expect(JSON.parse(BALEEN_BOOT!)).toEqual(boot)
  expect(rest).toMatchObject({ BALEEN_DATA: '/data', BALEEN_ROLE: 'gateway' })
})

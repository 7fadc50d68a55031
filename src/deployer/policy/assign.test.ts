import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import { assign, type Start } from './assign.ts'
import { openNode } from './placement/node.fixture.ts'
import type { PlaceNode } from './placement/node.ts'

const node = (name: string, devices: number, isPlayed: boolean): PlaceNode =>
  openNode(name, devices, (at) => ({
    id: `${name}-${at}`,
    names: ['h100'],
    isPlayed,
    memoryBytes: 80e9,
    priceUsdH: null,
    group: name,
  }))
const wish = (isPlayed: boolean) => ({
  start: { kind: 'start', deployment: 'ant', of: 'newest', reason: 'wanted' } as unknown as Start,
  spec: deploymentSpec.parse({ name: 'ant', model: 'm', hardware: 'h100:2' }),
  isPlayed,
})
const placed = (isPlayed: boolean, ...nodes: readonly PlaceNode[]) => {
  const { placed: found, refused } = assign([wish(isPlayed)], nodes, [])
  return found[0]?.devices ?? refused.get('ant')
}

describe('what plays its hardware', () => {
  it('runs anywhere where there is none of it, and takes no real device', () => {
    expect(placed(true, node('bare', 0, false))).toEqual([])
    expect(placed(true, node('real', 2, false))).toEqual([])
  })

  it('takes its place where it is played, as if it were real', () => {
    expect(placed(true, node('played', 2, true))).toEqual(['played-0', 'played-1'])
    expect(placed(true, node('small', 1, true))).toContain('no room for 2 × h100')
  })

  it('leaves played devices to itself', () => {
    expect(placed(false, node('played', 2, true))).toContain('no room for 2 × h100')
    expect(placed(false, node('played', 2, true), node('real', 2, false))).toEqual([
      'real-0',
      'real-1',
    ])
  })
})

it('says how a change may go on where only what it replaces is in its way', () => {
  const taken = { replica: 'ant-1', deployment: 'ant', priority: 0, node: 'a', share: null }
  const refusedFor = (isOutdated: boolean) =>
    assign(
      [wish(false)],
      [node('a', 2, false)],
      [{ ...taken, devices: ['a-0', 'a-1'], isOutdated }],
    ).refused.get('ant')
  expect(refusedFor(true)).toContain('rollout.unavailable: 1')
  expect(refusedFor(false)).not.toContain('rollout.unavailable')
})

import { describe, expect, it } from 'vitest'
import type { EngineView, NodeView } from '../../contract/api.ts'
import { engineModels } from '../../engines/models.ts'
import { chooseFleet, type FleetWish } from './choose-fleet.ts'

const node = (model: string, count: number, changes: Partial<NodeView> = {}): NodeView => ({
  name: `${model}-node`,
  runtime: 'process',
  kind: 'process',
  zone: null,
  state: 'ready',
  reason: '',
  isSpot: false,
  pricePerHourUsd: null,
  replicas: [],
  devices: Array.from({ length: count }, (_, at) => ({
    id: `${model}-${at}`,
    vendor: 'nvidia',
    model,
    memoryBytes: 80e9,
    state: 'free',
    replicas: [],
  })),
  ...changes,
})
const h100 = 'NVIDIA H100 80GB HBM3'
/** The same node with the first of its devices held by such replicas. */
const holding = (one: NodeView, ...holders: readonly string[]): NodeView => ({
  ...one,
  devices: one.devices.map((device, at) => {
    const by = holders[at]
    return by === undefined ? device : { ...device, state: 'held', replicas: [by] }
  }),
})
const installed = (...names: readonly string[]): EngineView[] =>
  engineModels.map(({ name }) => ({
    name,
    tasks: ['generate'],
    program: names.includes(name) ? `/usr/bin/${name}` : null,
  }))
const choose = (
  wish: Partial<FleetWish>,
  nodes: readonly NodeView[],
  ...engines: readonly string[]
) => {
  const asked = { hardware: undefined, engine: undefined, runtime: undefined, ...wish }
  const own = new Set(['own-1'])
  const choice = chooseFleet(asked, nodes, installed(...engines), engineModels, own)
  return { ...choice, engines: choice.engines.map(({ name }) => name) }
}

describe('what a plan may be made of', () => {
  it('is all that is here, of each type, with the engines that are installed', () => {
    const nodes = [node(h100, 4), node('NVIDIA L4', 1), node('something new', 8)]
    expect(choose({}, nodes, 'vllm', 'embedded')).toMatchObject({
      fleet: 'H100-SXM-80GB:4, L4:1',
      engines: ['vllm', 'embedded'],
      groups: [
        { name: 'H100-SXM-80GB', free: [4] },
        { name: 'L4', free: [1] },
      ],
      isPlayed: false,
    })
  })

  it('is what is free of it; what the plan takes the place of counts as free', () => {
    const foreign = node(h100, 2, { name: 'b' })
    foreign.devices[0] = { ...foreign.devices[0]!, state: 'foreign' }
    const choice = choose({}, [holding(node(h100, 4), 'ant-1', 'own-1'), foreign], 'vllm')
    expect(choice).toMatchObject({
      fleet: 'H100-SXM-80GB:4',
      reason: '4 × H100-SXM-80GB are free, 2 in use by ant-1; can be started: vllm',
      groups: [{ free: [3, 1] }],
    })
    expect(() => choose({}, [holding(node(h100, 1), 'ant-1')], 'vllm')).toThrow(
      '0 × H100-SXM-80GB are free, 1 in use by ant-1: none is free',
    )
  })

  it('is at most what is named of it, on as few nodes as can be', () => {
    const two = [node(h100, 2), node(h100, 4), node('NVIDIA L4', 8)]
    expect(choose({ hardware: 'h100:5,l4:1' }, two, 'sglang')).toMatchObject({
      fleet: 'H100-SXM-80GB:5, L4:1',
      groups: [{ free: [4, 1] }, { free: [1] }],
      engines: ['sglang'],
      isPlayed: false,
    })
    expect(choose({ hardware: 'h100:16' }, two, 'vllm').fleet).toBe('H100-SXM-80GB:6')
  })

  it('is that of all runtimes where none is named, each under its name', () => {
    const nodes = [node(h100, 2), node(h100, 8, { runtime: 'prod', kind: 'kubernetes' })]
    const both = choose({}, nodes, 'sglang')
    expect(both.fleet).toBe('H100-SXM-80GB:2@process, H100-SXM-80GB:8@prod')
    const [here, there] = both.groups
    expect([here?.engines.has('vllm'), there?.engines.has('vllm')]).toEqual([false, true])
    expect(choose({ runtime: 'prod' }, nodes)).toMatchObject({
      fleet: 'H100-SXM-80GB:8',
      engines: expect.arrayContaining(['vllm', 'sglang', 'trtllm']),
    })
  })

  it('is played where no node has it', () => {
    const here = choose({ hardware: 'h100:8' }, [node('NVIDIA L4', 2)], 'embedded')
    expect(here).toMatchObject({ fleet: 'h100:8', groups: [], isPlayed: true })
    expect(here.engines).toContain('vllm')
    expect(here.reason).toContain('no node has h100:8')
    expect(choose({ hardware: 'l4:2,h100:8' }, [node('NVIDIA L4', 2)], 'vllm').isPlayed).toBe(true)
  })

  it('is what nodes play where no real ones are, and what is drained is neither', () => {
    const played = node(h100, 8)
    for (const device of played.devices) device.vendor = 'simulated'
    expect(choose({}, [played])).toMatchObject({
      fleet: 'H100-SXM-80GB:8',
      groups: [{ free: [8] }],
      isPlayed: true,
    })
    expect(choose({}, [played, node('NVIDIA L4', 1)], 'vllm').isPlayed).toBe(false)
    const drained = [node(h100, 8, { state: 'drained' })]
    expect(choose({}, drained, 'vllm')).toMatchObject({ fleet: 'local', engines: ['embedded'] })
  })

  it('is refused where the devices are here and no engine is', () => {
    expect(() => choose({ hardware: 'h100:8' }, [node(h100, 8)])).toThrow(
      /8 × H100-SXM-80GB are free, but vllm, .* can't be started there/,
    )
    expect(() => choose({ engine: 'vllm' }, [node(h100, 8)], 'sglang')).toThrow(/but vllm can't/)
  })

  it('is played because that was asked for, but has to be named', () => {
    expect(choose({ engine: 'simulated', hardware: 'l40s:4' }, [])).toMatchObject({
      fleet: 'l40s:4',
      isPlayed: true,
    })
    expect(() => choose({ engine: 'simulated' }, [])).toThrow(/has to know what it plays/)
  })
})

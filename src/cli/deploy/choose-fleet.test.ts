import { describe, expect, it } from 'vitest'
import type { EngineView, NodeView } from '../../contract/api.ts'
import { engineModels } from '../../engines/models.ts'
import { chooseFleet, type FleetWish } from './choose-fleet.ts'

const node = (model: string, count: number, changes: Partial<NodeView> = {}): NodeView => ({
  name: `${model}-node`,
  runtime: 'process',
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
    replicas: [],
  })),
  ...changes,
})
const h100 = 'NVIDIA H100 80GB HBM3'
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
  const choice = chooseFleet(asked, nodes, installed(...engines), engineModels)
  return { ...choice, engines: choice.engines.map(({ name }) => name) }
}

describe('what a plan may be made of', () => {
  it('is what is here, with the engines that are installed', () => {
    expect(choose({}, [node(h100, 4), node('NVIDIA L4', 1)], 'vllm', 'embedded')).toMatchObject({
      fleet: 'H100-SXM-80GB:4',
      engines: ['vllm', 'embedded'],
      nodeDevices: 4,
      isPlayed: false,
    })
  })

  it('knows how many of them one node has', () => {
    const two = [node(h100, 2), node(h100, 4), node('NVIDIA L4', 8)]
    expect(choose({ hardware: 'h100:6' }, two, 'vllm')).toMatchObject({ nodeDevices: 4 })
    expect(choose({ hardware: 'b200:8' }, two, 'vllm')).toMatchObject({ nodeDevices: Infinity })
  })

  it('is at most what is named of it', () => {
    expect(choose({ hardware: 'h100:2' }, [node(h100, 4)], 'sglang')).toMatchObject({
      fleet: 'h100:2',
      engines: ['sglang'],
      isPlayed: false,
    })
  })

  it('is played where no node has it', () => {
    const here = choose({ hardware: 'h100:8' }, [node('NVIDIA L4', 2)], 'embedded')
    expect(here).toMatchObject({ fleet: 'h100:8', isPlayed: true })
    expect(here.engines).toContain('vllm')
    expect(here.reason).toContain('no node has h100:8')
  })

  it('takes no notice of devices that are played, drained or of another runtime', () => {
    const others = [
      node(h100, 8, { state: 'drained' }),
      node(h100, 8, { runtime: 'prod' }),
      node(h100, 0, {
        devices: [{ id: 'a', vendor: 'simulated', model: h100, memoryBytes: 1, replicas: [] }],
      }),
    ]
    expect(choose({ hardware: 'h100:8' }, others, 'vllm').isPlayed).toBe(true)
    expect(choose({}, others, 'vllm')).toMatchObject({ fleet: 'local', engines: ['embedded'] })
  })

  it('has any engine where containers bring it', () => {
    const choice = choose({ runtime: 'prod' }, [node(h100, 8, { runtime: 'prod' })])
    expect(choice.engines).toEqual(expect.arrayContaining(['vllm', 'sglang', 'trtllm']))
  })

  it('is refused where the devices are here and no engine is', () => {
    expect(() => choose({ hardware: 'h100:8' }, [node(h100, 8)])).toThrow(
      /8 × H100-SXM-80GB are here, but vllm, .* can't be started there/,
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

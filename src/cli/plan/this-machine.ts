import { availableParallelism, cpus, totalmem } from 'node:os'
import type { DeviceGroup } from '../../planner/workload/fleet.ts'

/** The processors of this machine as one device: cores and memory as detected, rates by what such cores usually reach. */
export function thisMachine(cores = availableParallelism()): DeviceGroup {
  const [first] = cpus()
  const GHz = (first?.speed ?? 0) > 500 ? (first?.speed ?? 0) / 1e3 : 2.5
  return {
    count: 1,
    device: {
      name: `local (${cores} × ${first?.model.trim() || 'CPU'})`,
      vendor: 'cpu',
      architecture: 'cpu',
      memoryBytes: totalmem(),
      // A core gets about 8 GB/s until a socket's channels are full.
      bandwidthGBs: Math.min(300, 8 * cores),
      // Two 8-wide fused multiply-adds a cycle; half of it is reached. A core of 2.6 GHz reads 19 tokens a second of a
      // 1.1B model in two bits, 42 GFLOP/s.
      tflops: {
        bf16: (cores * GHz * 32) / 1e3,
        fp8: null,
        int8: (cores * GHz * 64) / 1e3,
        fp4: null,
      },
      link: { kind: 'none', GBs: 0 },
      hostGBs: 16,
      tdpW: null,
      priceUsdH: null,
      source: 'cores and memory detected; rates of usual cores',
    },
  }
}

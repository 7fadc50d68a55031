import { afterAll, beforeAll, describe } from 'vitest'
import { runtimesConfig } from '../../src/contract/runtimes.ts'
import { anywhere } from '../../src/core/node.ts'
import { createVendors } from '../../src/devices/index.ts'
import { launchPlan } from '../../src/engines/launch-plan.ts'
import { connect } from '../../src/runtimes/kubernetes/api.ts'
import { createKubernetesRuntime } from '../../src/runtimes/kubernetes/kubernetes.ts'
import { runtimeContract } from '../../src/runtimes/runtime.contract.ts'
import {
  controlPlaneProgram,
  startControlPlane,
  type ControlPlane,
} from './support/control-plane.ts'
import { startKubelets, type Kubelets } from './support/kubelet.ts'
import { until } from './support/tools.ts'

const program = controlPlaneProgram()

describe.skipIf('missing' in program)(
  `Kubernetes${'missing' in program ? ` (skipped: ${program.missing})` : ''}`,
  () => {
    let plane: ControlPlane
    let kubelets: Kubelets
    let namespaces = 0

    beforeAll(async () => {
      plane = await startControlPlane('path' in program ? program.path : '')
      kubelets = await startKubelets(plane, {
        'gpu-1': {
          'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3',
          'nvidia.com/gpu.memory': '81559',
          'topology.kubernetes.io/zone': 'zone-a',
        },
        'gpu-2': { 'topology.kubernetes.io/zone': 'zone-b' },
      })
    }, 120_000)
    afterAll(async () => {
      await kubelets?.stop()
      await plane?.stop()
    })

    runtimeContract('kubernetes', async () => {
      const namespace = `test-${++namespaces}`
      await plane.call('POST', '/api/v1/namespaces', {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace },
      })
      await until('an account', async () =>
        Boolean(await plane.call('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`)),
      )
      const { prod } = runtimesConfig.parse({
        prod: { kind: 'kubernetes', kubeconfig: plane.kubeconfig, namespace, address: 'pod' },
      })
      if (prod?.kind !== 'kubernetes') throw new Error('not a cluster')
      const api = connect(prod)
      const running = `/apis/apps/v1/namespaces/${namespace}/deployments`
      return {
        open: () =>
          createKubernetesRuntime({ name: 'prod', config: prod, vendors: createVendors(), api }),
        plan: launchPlan({ argv: ['serve'], image: 'example.com/engine:1' }),
        assignment: { ...anywhere, node: 'prod/gpu-1', devices: ['prod/gpu-1/nvidia.com/gpu/1'] },
        say: (id, line) => kubelets.say(id, line),
        end: (id, exitCode) => kubelets.end(id, exitCode),
        takeAway: async (id) => void (await plane.call('DELETE', `${running}/baleen-${id}`)),
        loseNode: async () => kubelets.lose('gpu-1'),
        bringBack: async () => kubelets.bringBack('gpu-1'),
        destroy: async () => void (await plane.call('DELETE', `/api/v1/namespaces/${namespace}`)),
      }
    })
  },
)

import { anywhere } from '../../core/node.ts'
import { launchPlan } from '../../engines/launch-plan.ts'
import { runtimeContract } from '../runtime.contract.ts'
import { createFakeRuntime, createWorld } from './fake.ts'

runtimeContract('fake', async () => {
  const world = createWorld()
  const runtime = createFakeRuntime(world)
  return {
    open: () => createFakeRuntime(world),
    plan: launchPlan({ argv: [] }),
    assignment: { ...anywhere, node: 'fake-1', devices: ['fake-1-gpu-1'] },
    say: async (id, line) => runtime.say(id, line),
    end: async (id, exitCode) => runtime.end(id, exitCode),
    takeAway: async (id) => runtime.lose(id),
    loseNode: async () => runtime.loseNode('fake-1'),
    bringBack: async () => runtime.bringBack('fake-1'),
    destroy: async () => {},
  }
})

import { runtimeContract } from '../runtime.contract.ts'
import { createFakeRuntime, createWorld } from './fake.ts'

runtimeContract('fake', async () => {
  const world = createWorld()
  const runtime = createFakeRuntime(world)
  return {
    open: () => createFakeRuntime(world),
    plan: {
      argv: [],
      env: {},
      image: null,
      probe: { path: '/health', loadTimeoutMs: 1000 },
      drainMs: 1000,
      warnings: [],
    },
    say: async (id, line) => runtime.say(id, line),
    end: async (id, exitCode) => runtime.end(id, exitCode),
    destroy: async () => {},
  }
})

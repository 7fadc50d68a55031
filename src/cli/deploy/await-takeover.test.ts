import { describe, expect, it } from 'vitest'
import type { DeploymentView } from '../../contract/deployment.ts'
import { rolloutSpec } from '../../contract/rollout.ts'
import { deploymentOf } from '../cli.fixture.ts'
import type { ControlClient } from '../control-client.ts'
import type { Io } from '../io.ts'
import type { Progress } from '../progress.ts'
import { awaitTakeover } from './await-takeover.ts'

const steps = [
  { share: 0.1, bakeTime: '1s' },
  { share: 0.5, bakeTime: '1s' },
]
const rollout = rolloutSpec.parse({ steps })
const at = (step: number, status: string, more: object = {}): DeploymentView =>
  deploymentOf({ name: 'ant', rollout }, [{}], '1 of 1 ready', {
    revision: 2,
    rollout: { from: 1, step, steps: 2, share: 0.1, paused: null, status, ...more },
  })
const promoted = deploymentOf({ name: 'ant', rollout }, [{}], '1 of 1 ready', {
  revision: 2,
  rollout: null,
})

/** A control that shows these one after another. */
function watch(...views: DeploymentView[]) {
  const told: string[] = []
  const say = (kind: string) => (_: string, text: string) => void told.push(`${kind} ${text}`)
  const progress: Progress = {
    update: say('…'),
    done: say('✓'),
    fail: say('✗'),
    clear: () => {},
  }
  const stop = new AbortController()
  const control = {
    deployment: () => {
      const [next, ...rest] = views
      if (rest.length > 0) views = rest
      else if (next?.rollout) stop.abort()
      return Promise.resolve(next!)
    },
    history: () => Promise.resolve([{ revision: 2, outcome: { reason: 'more failures' } }]),
  } as unknown as ControlClient
  const io = { interrupt: stop.signal } as Io
  const done = awaitTakeover(control, at(0, 'begins'), progress, io, 60_000)
  return { told, done }
}

describe('a change that takes over in steps', () => {
  it('is shown step by step until it has taken over', async () => {
    const first = at(0, 'step 1 of 2: holds, 1 s to go')
    const { told, done } = watch(first, at(1, 'step 2 of 2: holds, 1 s to go'), promoted)
    expect((await done).rollout).toBeNull()
    expect(told).toEqual([
      '… ant: step 1 of 2: holds, 1 s to go',
      '✓ ant: step 1 of 2 done',
      '… ant: step 2 of 2: holds, 1 s to go',
      '✓ ant: revision 2 has taken over, 1 of 1 ready',
    ])
  })

  it('that is rolled back fails with the evidence', async () => {
    const back = { ...promoted, revision: 3 }
    await expect(watch(at(0, 'begins'), back).done).rejects.toMatchObject({
      code: 'deployment/rolled-back',
      message: expect.stringContaining('more failures') as string,
    })
  })

  it('that is paused says how to go on', async () => {
    await expect(watch(at(0, 'x', { paused: 'slower' })).done).rejects.toMatchObject({
      message: expect.stringContaining('slower') as string,
      hint: expect.stringContaining('baleen rollout ant resume') as string,
    })
  })

  it('goes on when nobody watches any more, and says how to follow it', async () => {
    await expect(watch(at(0, 'step 1 of 2: holds, 9 s to go')).done).rejects.toMatchObject({
      code: 'cli/interrupted',
      message: expect.stringContaining('goes on taking over (step 1 of 2') as string,
      hint: expect.stringContaining('baleen rollout ant follow') as string,
    })
  })
})

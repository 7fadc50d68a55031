import { describe, expect, it } from 'vitest'
import { deploymentSpec, type DeploymentSpec } from '../../contract/deployment.ts'
import { checkRoute } from './check-route.ts'

const spec = (
  name: string,
  { adapters = [], ...rest }: { adapters?: string[]; route?: string; task?: 'embed' } = {},
): DeploymentSpec =>
  deploymentSpec.parse({
    name,
    model: 'm',
    ...rest,
    settings: { lora: { adapters: adapters.map((one) => ({ name: one, path: `/${one}` })) } },
  })

const known = [spec('ant', { route: 'small', adapters: ['sql'] }), spec('embed', { task: 'embed' })]

describe('what clients name as the model', () => {
  it.each([
    ['another model', spec('bee', { adapters: ['law'] })],
    ['the same deployment again', spec('ant', { route: 'small', adapters: ['sql', 'law'] })],
    [
      'a second deployment of a route, adapters and all',
      spec('two', { route: 'small', adapters: ['sql'] }),
    ],
  ])('is free for %s', (_, one) => expect(() => checkRoute(one, known)).not.toThrow())

  it.each([
    ['is for the task "embed"', spec('bee', { route: 'embed' }), 'route'],
    [
      'has the name of the route itself',
      spec('bee', { adapters: ['bee'] }),
      'settings.lora.adapters',
    ],
    [
      '"sql" is an adapter of "ant" already',
      spec('bee', { adapters: ['sql'] }),
      'settings.lora.adapters',
    ],
    [
      '"small" is the route of "ant" already',
      spec('bee', { adapters: ['small'] }),
      'settings.lora.adapters',
    ],
    ['"sql" is an adapter of "ant" already', spec('sql'), 'route'],
  ])('is refused: %s', (message, one, param) => {
    const refused = expect.objectContaining({
      code: 'request/invalid',
      message: expect.stringContaining(message) as string,
      param,
    }) as Error
    expect(() => checkRoute(one, known)).toThrow(refused)
  })
})

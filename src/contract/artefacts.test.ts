import { expect, it } from 'vitest'
import { deploymentSpec } from './deployment.ts'
import { artefactsOf, withPaths } from './artefacts.ts'

const spec = deploymentSpec.parse({
  name: 'ant',
  model: 'm',
  settings: {
    speculation: { method: 'draft', model: 'hf:org/draft:Q4_0' },
    lora: {
      adapters: [
        { name: 'mine', path: 's3://bucket/mine.gguf' },
        { name: 'here', path: '/adapters/here.gguf' },
      ],
    },
  },
})

it('names what has to come from elsewhere, and leaves paths and repositories to the engine', () => {
  expect(artefactsOf(spec)).toEqual(['hf:org/draft:Q4_0', 's3://bucket/mine.gguf'])
  expect(artefactsOf(deploymentSpec.parse({ name: 'ant', model: 'm' }))).toEqual([])
})

it('puts what came in place of the references', () => {
  const paths = new Map([
    ['hf:org/draft:Q4_0', '/models/draft.gguf'],
    ['s3://bucket/mine.gguf', '/models/mine.gguf'],
  ])
  const { speculation, lora } = withPaths(spec, paths).settings
  expect(speculation).toMatchObject({ method: 'draft', model: '/models/draft.gguf' })
  expect(lora.adapters.map(({ path }) => path)).toEqual([
    '/models/mine.gguf',
    '/adapters/here.gguf',
  ])
})

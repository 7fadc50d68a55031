import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { render, whyNotRendered, type Rendered } from '../deploy/rendered.ts'
import {
  controlPlaneProgram,
  startControlPlane,
  type ControlPlane,
} from './support/control-plane.ts'

const program = controlPlaneProgram()
const trouble = 'missing' in program ? program.missing : whyNotRendered()

const plurals: Readonly<Record<string, string>> = { NetworkPolicy: 'networkpolicies' }

/** Where an object is applied: `/apis/apps/v1/namespaces/baleen/statefulsets/baleen`. */
function pathOf({ apiVersion, kind, metadata }: Rendered): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const within = metadata.namespace ? `/namespaces/${metadata.namespace}` : ''
  return `${root}${within}/${plurals[kind] ?? `${kind.toLowerCase()}s`}/${metadata.name}`
}

describe.skipIf(trouble !== null)(
  `deploy/kubernetes${trouble === null ? '' : ` (skipped: ${trouble})`}`,
  () => {
    let plane: ControlPlane
    beforeAll(async () => {
      plane = await startControlPlane('path' in program ? program.path : '')
    }, 120_000)
    afterAll(() => plane?.stop())

    it.each(['base', 'postgres', 'faults'] as const)(
      '%s is taken by an API server that knows each field, and again without a change',
      async (overlay) => {
        for (const object of render(overlay)) {
          const query = 'fieldManager=test&force=true&fieldValidation=Strict'
          const apply = (): Promise<Rendered> =>
            plane.call(
              'PATCH',
              `${pathOf(object)}?${query}`,
              object,
              'application/apply-patch+yaml',
            )
          const first = await apply()
          expect(first.metadata.name).toBe(object.metadata.name)
          const again = await apply()
          expect(again.metadata.generation).toBe(first.metadata.generation)
        }
      },
    )
  },
)

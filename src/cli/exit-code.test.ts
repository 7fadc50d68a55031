import { describe, expect, it } from 'vitest'
import { AppError, type ErrorCode } from '../core/errors.ts'
import { exitCodeOf } from './exit-code.ts'

const codeOf = (code: ErrorCode) => exitCodeOf(new AppError(code, { message: 'x' }))

describe('exitCodeOf', () => {
  it.each([
    ['internal/unexpected', 1],
    ['config/invalid', 1],
    ['machine/port-busy', 1],
    ['cli/usage', 2],
    ['deployment/not-found', 3],
    ['model/not-found', 3],
    ['key/not-found', 3],
    ['key/missing', 4],
    ['key/unknown', 4],
    ['key/forbidden', 4],
    ['deployment/failed', 5],
    ['deployment/slo-unmet', 5],
    ['cli/unreachable', 6],
    ['cli/timeout', 124],
    ['cli/interrupted', 130],
  ] as const)('%s → %i', (code, exitCode) => expect(codeOf(code)).toBe(exitCode))
})

import { describe, expect, it } from 'vitest'
import { deploymentSpec } from '../../contract/deployment.ts'
import type { InjectionReport } from '../../contract/injection.ts'
import { gateFaults, reportIn } from './gate.ts'

const spec = (changes: object = {}) => deploymentSpec.parse({ name: 'ant', model: 'm', ...changes })
const reportOf = (requests: number, ok: number, p95: number | null): InjectionReport =>
  ({ summary: { requests, outcomes: { ok }, ttftMs: { p95 } } }) as unknown as InjectionReport

describe('gateFaults', () => {
  it('lets pass what keeps its promises', () => {
    expect(gateFaults(spec({ slo: { 'ttft.p95': '500ms' } }), reportOf(100, 100, 400))).toEqual([])
  })

  it('names each promise that is not kept', () => {
    expect(gateFaults(spec({ slo: { 'ttft.p95': '500ms' } }), reportOf(100, 90, 740))).toEqual([
      '10 of 100 requests failed, 1 % may',
      'ttft.p95 is 740ms, promised 500ms',
    ])
  })

  it('does not take nothing for good', () => {
    expect(gateFaults(spec({ slo: { 'ttft.p95': '1s' } }), reportOf(0, 0, null))).toEqual([
      '0 of 0 requests failed, 1 % may',
      'ttft.p95 was not measured',
    ])
  })

  it('allows what the availability allows', () => {
    expect(gateFaults(spec({ slo: { availability: 0.8 } }), reportOf(100, 85, 1))).toEqual([])
  })
})

describe('reportIn', () => {
  it('finds no report where there is none', () => {
    expect(reportIn('')).toBe(null)
    expect(reportIn('{"a":1}')).toBe(null)
  })
})

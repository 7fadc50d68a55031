import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

export const deploy = join(import.meta.dirname, '../../deploy')

// oxlint-disable-next-line typescript/no-explicit-any
export type Rendered = any

/** Null with the reason where this machine has nothing that renders. Needs no cluster and no network. */
export function whyNotRendered(): string | null {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore', timeout: 10_000 })
    return null
  } catch {
    return 'kubectl is not there'
  }
}

/** What `kubectl apply -k` would apply. */
export function render(overlay: 'base' | 'postgres' | 'faults'): readonly Rendered[] {
  const text = execFileSync('kubectl', ['kustomize', join(deploy, 'kubernetes', overlay)], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  return parseAllDocuments(text).map((document): Rendered => document.toJS())
}

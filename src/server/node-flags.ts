import type { Boot } from '../contract/boot.ts'

/**
 * Flags of Node by process. Each look of control makes a few MB that are gone with the next; left alone, V8 lets what is
 * young grow to 134 MB before it looks what of it is garbage. With 10,000 replicas this takes 110 MB off the process and
 * costs no time that can be measured: bench/deployer/reconcile.ts.
 */
export const nodeFlags: Readonly<Record<Boot['role'], readonly string[]>> = {
  control: ['--max-semi-space-size=16'],
  gateway: [],
}

import type { Boot } from '../contract/boot.ts'

/**
 * Flags of Node by process. Both make much that is gone a moment later; left alone, V8 lets what is young grow to
 * 134 MB before it looks what of it is garbage. For control with 10,000 replicas 16 takes 110 MB off the process and
 * costs no time that can be measured (bench/deployer/reconcile.ts). A gateway's requests fit the processor's cache with
 * 4: its p99 fell by almost half, and no figure rose (bench/README.md). There is one gateway a core, so helpers of a
 * collection only take turns with it: without them nine in ten take 0.5 ms at most, with them 1.4.
 */
export const nodeFlags: Readonly<Record<Boot['role'], readonly string[]>> = {
  control: ['--max-semi-space-size=16'],
  gateway: ['--max-semi-space-size=4', '--no-parallel-scavenge'],
}

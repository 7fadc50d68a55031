import type { Layout } from '../step/step-time.ts'
import { sequenceKvBytes } from '../memory/kv-cache.ts'

/** Devices that one switch joins; beyond them caches cross the network. */
const nodeDevices = 8
/** One 400 Gbit/s port for each device, as in the reference designs of eight-device machines. */
const networkGBs = 50
/** Handshake and descriptors; published systems say 50 µs to a few ms. */
const baseMs = 1

/**
 * Time until the cache of a prompt is where it will be decoded, ms: a base, then the bytes of one rank over the link of
 * one device. Ranks send side by side.
 */
export function transferMs(layout: Layout, promptTokens: number, devices: number): number {
  const { link, hostGBs } = layout.device
  const inside = link.GBs || hostGBs / 2
  const GBs = devices > nodeDevices ? Math.min(inside, networkGBs) : inside
  return baseMs + sequenceKvBytes(layout, promptTokens) / (GBs * 1e6)
}

import type { PairProtocol } from './pairing.ts'
import { sglangPairing } from './sglang/pairing.ts'
import { trtllmPairing } from './trtllm/pairing.ts'
import { vllmPairing } from './vllm/pairing.ts'

/** One line a protocol, by the name that adapters give. */
export const pairings: ReadonlyMap<string, PairProtocol> = new Map(
  [vllmPairing, sglangPairing, trtllmPairing].map((one) => [one.name, one]),
)

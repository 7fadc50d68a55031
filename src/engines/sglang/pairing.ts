import type { PairProtocol } from '../pairing.ts'

/**
 * SGLang, as its own router speaks it (sglang_router/mini_lb.py): both get the same request with the address of the one
 * that reads and a room number, under which the one that writes asks there for the cache. Several answers take the
 * numbers after it (`_normalize_bootstrap_params`).
 */
export const sglangPairing: PairProtocol = {
  name: 'sglang',
  order: 'at-once',
  members: ['bootstrap_host', 'bootstrap_port', 'bootstrap_room'],
  decodesAlone: false,
  unshared: [],
  refuse: () => null,
  prefill: (handshake) => meetingAt(handshake),
  decode: (handshake) => meetingAt(handshake),
}

const meetingAt = ({ host, port, room }: Parameters<PairProtocol['prefill']>[0]) => ({
  set: {
    bootstrap_host: JSON.stringify(host),
    bootstrap_port: String(port),
    bootstrap_room: String(room),
  },
  replace: {},
})

/** What SGLang warms itself up with (`FAKE_BOOTSTRAP_HOST`): no cache goes anywhere. */
export const meetingNobody = { bootstrap_host: '2.2.2.2', bootstrap_room: 0 } as const

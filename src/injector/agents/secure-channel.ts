import { hkdfSync } from 'node:crypto'
import type { TlsOptions, ConnectionOptions } from 'node:tls'

/**
 * Both sides prove that they know the token, and nobody else can read or change what they say: TLS with a pre-shared
 * key, which needs no certificates. An elliptic-curve exchange makes each connection's keys its own (RFC 8442), so a
 * token that leaks later opens no recording. The token itself is never sent.
 */
const suites = 'ECDHE-PSK-CHACHA20-POLY1305'
/** Node has pre-shared keys with this version only. */
const version = 'TLSv1.2'
const identity = 'baleen-inject'
const keyBytes = 32

const common = { ciphers: suites, minVersion: version, maxVersion: version } as const

export function serverChannel(token: string): TlsOptions {
  const key = keyOf(token)
  return { ...common, pskCallback: (_, given) => (given === identity ? key : null) }
}

export function clientChannel(token: string): ConnectionOptions {
  const psk = keyOf(token)
  return {
    ...common,
    pskCallback: () => ({ psk, identity }),
    // There is no certificate to look at: the key is what tells who answers.
    checkServerIdentity: () => undefined,
  }
}

/** The token has enough chance in it (`openssl rand -hex 16`) not to need slow hashing. */
const keyOf = (token: string): Buffer =>
  Buffer.from(hkdfSync('sha256', token, '', 'baleen inject agents 2', keyBytes))

import { AppError } from '../core/errors.ts'
import { connect, type ConnectionFlags } from './connection.ts'
import type { ControlClient } from './control-client.ts'
import { send } from './http.ts'
import type { Io } from './io.ts'
import { pause, poll } from './poll.ts'

/** A key made for one command ends by itself, even where nobody is left to delete it. */
const keyLifeMs = 3_600_000
const removeTimeoutMs = 3000
/** How long a new key may take to arrive at the gateways. */
const arrivalTimeoutMs = 5000

export interface TemporaryKey {
  readonly key: string
  /** Also after Ctrl-C, which ends all that the command's own client does. */
  remove(): Promise<void>
}

export async function makeTemporaryKey(
  name: string,
  control: ControlClient,
  flags: ConnectionFlags,
  io: Io,
): Promise<TemporaryKey> {
  const { key, view } = await control.createKey({ name, expiresAtMs: Date.now() + keyLifeMs })
  return {
    key,
    async remove() {
      const interrupt = AbortSignal.timeout(removeTimeoutMs)
      const fresh = await connect(flags, { ...io, interrupt }).catch(() => null)
      await fresh?.removeKey(view.id).catch(() => {})
    },
  }
}

/** Waits until every gateway process knows a key that was just made. `gatewayUrl`: without `/v1`. */
export async function untilKnown(gatewayUrl: string, key: string, io: Io): Promise<void> {
  const { interrupt } = io
  const call = {
    url: `${gatewayUrl}/v1/models`,
    token: key,
    timeoutMs: arrivalTimeoutMs,
    interrupt,
  }
  const look = () =>
    send(call).then(
      () => true,
      (thrown: unknown) => {
        if (thrown instanceof AppError && thrown.code === 'key/unknown') return undefined
        throw thrown
      },
    )
  await poll('the gateway knows the new key', look, {
    timeoutMs: arrivalTimeoutMs,
    everyMs: 50,
    interrupt,
  })
  // One process has answered; its siblings look for news ten times a second.
  await pause(200, interrupt)
}

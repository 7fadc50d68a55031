import { catalogue } from '../core/errors.ts'
import type { StartFailure } from '../engines/engine.ts'

/** "engine/no-kv-room: the weights leave no memory for KV. Lower settings.contextTokens, …" */
export const failureText = ({ code, message, mend }: StartFailure): string =>
  `${code}: ${message}. ${mend ?? catalogue[code].hint}`

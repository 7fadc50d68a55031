import type { Config } from './config.ts'

/**
 * How the supervisor tells a child what it is: JSON in the environment variable `BALEEN_BOOT`. `BALEEN_DATA` and
 * `BALEEN_ROLE` stand beside it, so that processes of a data directory can be found in the process table.
 */
export interface Boot {
  readonly role: 'control' | 'gateway'
  /** Gateway number from 0; 0 for control. Kept over restarts. */
  readonly index: number
  /** Gateway processes on this machine. */
  readonly gateways: number
  /** Absolute. */
  readonly dataDirectory: string
  readonly config: Config
  /** What the config's `auto` and port 0 came to. */
  readonly gatewayUrl: string
}

export const bootVariable = 'BALEEN_BOOT'
export const dataVariable = 'BALEEN_DATA'
export const roleVariable = 'BALEEN_ROLE'
/** JSON of a ReplicaIdentity (runtimes/runtime.ts) in the environment of every engine that Baleen starts. */
export const replicaVariable = 'BALEEN_REPLICA'

/** `run/supervisor.json` and `run/control.json`: who holds the role now. */
export interface ProcessRecord {
  readonly pid: number
  /** Start time as the operating system gives it: a pid alone may be somebody else's by now. */
  readonly startTime: string
  readonly url: string | null
}

/** `run/gateway-INDEX.json`. Its `url` is a private port on this machine that serves the process's own metrics. */
export interface GatewayRecord extends ProcessRecord {
  readonly index: number
  /** Names its journal files, see contract/journal.ts. */
  readonly startedAtMs: number
}

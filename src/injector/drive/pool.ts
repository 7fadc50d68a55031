import { Connection, type ConnectionDeps } from './connection.ts'

/** Connections that wait for their next request; the youngest first, because it is the least likely to be closed. */
export interface Pool {
  take(nowMs: number): Connection
  give(connection: Connection): void
  forget(connection: Connection): void
  close(): void
  /** Settles when one connection stands, or has failed: what is wrong will show with the first request. */
  warmUp(): Promise<void>
}

export function createPool(deps: ConnectionDeps): Pool {
  const idle: Connection[] = []
  return {
    take(nowMs) {
      for (let connection = idle.pop(); connection; connection = idle.pop()) {
        const isFresh = nowMs - connection.idleSinceMs < connection.keepAliveMs
        if (isFresh && connection.isUsable) return connection
        connection.destroy()
      }
      return new Connection(deps)
    },
    give(connection) {
      idle.push(connection)
    },
    forget(connection) {
      const index = idle.indexOf(connection)
      if (index !== -1) idle.splice(index, 1)
    },
    async warmUp() {
      const connection = new Connection(deps)
      await connection.opened
      connection.idleSinceMs = deps.now()
      if (connection.isUsable) idle.push(connection)
    },
    close() {
      for (const connection of idle.splice(0)) connection.destroy()
    },
  }
}

import type { Replica } from './policy/replica.ts'

/** Replicas by id, and by deployment. Lists stay the same arrays until one of theirs changes. */
export interface Roster {
  readonly replicas: ReadonlyMap<string, Replica>
  put(replica: Replica): void
  remove(id: string): void
  all(): readonly Replica[]
  of(deployment: string): readonly Replica[]
}

interface Group {
  readonly members: Map<string, Replica>
  list: readonly Replica[] | null
}

export function createRoster(): Roster {
  const replicas = new Map<string, Replica>()
  const groups = new Map<string, Group>()
  let list: readonly Replica[] | null = null

  const groupOf = (deployment: string): Group => {
    const known = groups.get(deployment)
    if (known) return known
    const made: Group = { members: new Map(), list: null }
    groups.set(deployment, made)
    return made
  }

  return {
    replicas,
    put(replica) {
      replicas.set(replica.id, replica)
      const group = groupOf(replica.deployment)
      group.members.set(replica.id, replica)
      group.list = list = null
    },
    remove(id) {
      const replica = replicas.get(id)
      if (!replica) return
      replicas.delete(id)
      const group = groupOf(replica.deployment)
      group.members.delete(id)
      group.list = list = null
      if (group.members.size === 0) groups.delete(replica.deployment)
    },
    all: () => (list ??= [...replicas.values()]),
    of(deployment) {
      const group = groups.get(deployment)
      return group ? (group.list ??= [...group.members.values()]) : none
    },
  }
}

const none: readonly Replica[] = []

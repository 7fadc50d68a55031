import type {
  Change,
  DrainedNode,
  DeploymentChange,
  ConfigEntry,
  Store,
  StoredDeployment,
  StoredKey,
  StoredKeyPatch,
  StoredRevision,
} from '../../store/store.ts'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import type { Progress } from '../../deployer/policy/rollout/advance.ts'

/**
 * Deployments and keys in memory, as the store has them: what is read never waits for the database, and control goes
 * on without it. A change is in the store before it is here.
 */
export interface Registry {
  deployments(): readonly StoredDeployment[]
  deployment(name: string): StoredDeployment | undefined
  keys(): readonly StoredKey[]
  createDeployment(spec: DeploymentSpec, change: Change): Promise<StoredDeployment>
  updateDeployment(
    spec: DeploymentSpec,
    change: Change,
    ifRevision: number | null,
  ): Promise<StoredDeployment>
  removeDeployment(name: string, change: Change): Promise<void>
  history(name: string): Promise<readonly StoredRevision[]>
  setProgress(name: string, revision: number, progress: Progress): Promise<void>
  promote(name: string, revision: number, reason: string, atMs: number): Promise<void>
  rollBack(name: string, revision: number, change: Change): Promise<StoredDeployment>
  drained(): readonly DrainedNode[]
  drain(node: string, change: Change): Promise<void>
  restore(node: string): Promise<void>
  applyConfig(
    changes: readonly DeploymentChange[],
    entries: readonly ConfigEntry[],
    change: Change,
  ): Promise<void>
  createKey(key: StoredKey): Promise<void>
  updateKey(id: string, patch: StoredKeyPatch): Promise<StoredKey>
  removeKey(id: string): Promise<void>
  onChange(listener: () => void): void
}

export async function createRegistry(store: Store): Promise<Registry> {
  let deployments = await store.deployments.list()
  let keys = await store.keys.list()
  let drained = await store.nodes.drained()
  const listeners: (() => void)[] = []

  const setDeployments = (next: readonly StoredDeployment[]): void => {
    deployments = next
    for (const listener of listeners) listener()
  }
  /** Where it is still at that revision. */
  const adjust = (
    name: string,
    revision: number,
    next: (one: StoredDeployment) => StoredDeployment,
  ): void =>
    setDeployments(
      deployments.map((one) =>
        one.spec.name === name && one.revision === revision ? next(one) : one,
      ),
    )
  const setDrained = async (): Promise<void> => {
    drained = await store.nodes.drained()
    for (const listener of listeners) listener()
  }
  const setKeys = (next: readonly StoredKey[]): void => {
    keys = next
    for (const listener of listeners) listener()
  }

  return {
    deployments: () => deployments,
    deployment: (name) => deployments.find((one) => one.spec.name === name),
    keys: () => keys,
    async createDeployment(spec, change) {
      const created = await store.deployments.create(spec, change)
      setDeployments([...deployments, created])
      return created
    },
    async updateDeployment(spec, change, ifRevision) {
      const updated = await store.deployments.update(spec, change, ifRevision)
      setDeployments(deployments.map((one) => (one.spec.name === spec.name ? updated : one)))
      return updated
    },
    async removeDeployment(name, change) {
      await store.deployments.remove(name, change)
      setDeployments(deployments.filter((one) => one.spec.name !== name))
    },
    history: (name) => store.deployments.history(name),
    async setProgress(name, revision, { step, bakingSinceMs, paused }) {
      const progress = { step, bakingSinceMs, paused }
      await store.deployments.setRollout(name, revision, progress)
      adjust(name, revision, (one) => ({
        ...one,
        rollout: one.rollout && { ...one.rollout, ...progress },
      }))
    },
    async promote(name, revision, reason, atMs) {
      await store.deployments.promote(name, revision, reason, atMs)
      adjust(name, revision, (one) => ({ ...one, rollout: null }))
    },
    async rollBack(name, revision, change) {
      const back = await store.deployments.rollBack(name, revision, change)
      setDeployments(deployments.map((one) => (one.spec.name === name ? back : one)))
      return back
    },
    drained: () => drained,
    async drain(node, change) {
      await store.nodes.drain(node, change)
      await setDrained()
    },
    async restore(node) {
      await store.nodes.restore(node)
      await setDrained()
    },
    async applyConfig(changes, entries, change) {
      await store.deployments.applyConfig(changes, entries, change)
      setDeployments(await store.deployments.list())
    },
    async createKey(key) {
      await store.keys.create(key)
      setKeys([...keys, key])
    },
    async updateKey(id, patch) {
      const updated = await store.keys.update(id, patch)
      setKeys(keys.map((key) => (key.id === id ? updated : key)))
      return updated
    },
    async removeKey(id) {
      await store.keys.remove(id)
      setKeys(keys.filter((key) => key.id !== id))
    },
    onChange: (listener) => void listeners.push(listener),
  }
}

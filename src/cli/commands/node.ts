import type { NodeView } from '../../contract/api.ts'
import { AppError } from '../../core/errors.ts'
import { defineCommand } from '../command.ts'
import { connect, connectionFlags } from '../connection.ts'
import type { ControlClient } from '../control-client.ts'
import { reasonOf } from '../deployment-table.ts'
import { poll } from '../poll.ts'
import { createProgress } from '../progress.ts'
import { formatTable } from '../table.ts'

const drainTimeoutMs = 600_000

export const nodeList = defineCommand({
  name: 'node list',
  summary: 'List the nodes, their devices and what runs there',
  examples: ['node list', "node list --json | jq '.[].devices'"],
  positionals: [],
  flags: connectionFlags,
  async run({ flags, io, output }) {
    const nodes = await (await connect(flags, io)).nodes()
    output.data(nodes, () =>
      formatTable(
        ['NODE', 'RUNTIME', 'ZONE', 'STATE', 'DEVICES', 'FREE', 'REPLICAS', 'REASON'],
        nodes.map(rowOf),
        output.style,
      ),
    )
  },
})

function rowOf(node: NodeView): string[] {
  const { name, runtime, zone, state, devices, replicas, reason } = node
  const models = Map.groupBy(devices, ({ model }) => model)
  const kinds = [...models].map(([model, all]) => `${all.length} × ${model}`)
  const free = devices.filter(({ state: use }) => use === 'free').length
  return [
    name,
    runtime,
    zone ?? '-',
    state,
    kinds.join(', ') || '-',
    devices.length === 0 ? '-' : String(free),
    String(replicas.length),
    reason,
  ]
}

export const drain = defineCommand({
  name: 'drain',
  summary: 'Empty a node for maintenance, or put it back',
  details:
    'Nothing new starts there. Each replica is replaced elsewhere and ends when the new one is ready; one that finds no other place stays, and `baleen ps` says what is missing.',
  examples: ['drain gpu-3 --why "a new power supply"', 'drain gpu-3 --undo'],
  positionals: [{ name: 'node', summary: 'A name of `baleen node list`' }],
  flags: {
    why: { kind: 'text', hint: 'TEXT', summary: 'Why, for others to see (maintenance)' },
    undo: { kind: 'boolean', summary: 'Put it back' },
    'no-wait': { kind: 'boolean', summary: 'Return once it is recorded' },
    'empty-timeout': { kind: 'duration', hint: '10m', summary: 'Longest wait until it is empty' },
    ...connectionFlags,
  },
  async run({ flags, positionals: { node }, io, output }) {
    const control = await connect(flags, io)
    if (flags.undo) {
      const back = await control.restoreNode(node)
      output.data(back, () => '')
      return output.note(`${node}: ${back.state}`)
    }
    const drained = await control.drainNode(node, flags.why)
    const progress = createProgress(io, output)
    const look = async () => {
      const view = (await control.nodes()).find((one) => one.name === node)
      if (!view)
        throw new AppError('node/not-found', { message: `the node "${node}" is no longer there` })
      if (view.replicas.length === 0) return view
      const staying = await whyStaying(view, control)
      progress.update(node, `${node}: ${view.replicas.join(', ')} still there${staying}`)
      return undefined
    }
    const waiting = { everyMs: 500, interrupt: io.interrupt }
    const timeoutMs = flags['empty-timeout'] ?? drainTimeoutMs
    const empty = flags['no-wait']
      ? drained
      : await poll(`${node} is empty`, look, { ...waiting, timeoutMs }).catch((thrown: unknown) => {
          progress.clear()
          throw thrown
        })
    if (!flags['no-wait']) progress.done(node, `${node}: empty`)
    output.data(empty, () => '')
  },
})

/** "; chat: one has to move, no room for 2 × h100: …". */
async function whyStaying({ replicas }: NodeView, control: ControlClient): Promise<string> {
  const deployments = await control.deployments()
  const reasons = deployments.flatMap((one) => {
    const isHere = one.replicas.some(({ id }) => replicas.includes(id))
    const reason = reasonOf(one)
    return isHere && reason !== '' ? `; ${one.spec.name}: ${reason}` : []
  })
  return reasons.join('')
}

import { groupPort, type ReplicaSpec } from '../engine.ts'

/** PyTorch's words for one replica on several nodes, as SGLang and LMDeploy take them. */
export const groupArguments = ({ group }: ReplicaSpec): readonly string[] =>
  group
    ? [
        '--nnodes',
        String(group.nodes),
        '--node-rank',
        '{rank}',
        '--dist-init-addr',
        `{leader}:${groupPort}`,
      ]
    : []

import { fileURLToPath } from 'node:url'
import { behavesVariable } from '../../contract/engine-settings.ts'
import type { DeploymentSpec } from '../../contract/deployment.ts'
import { AppError } from '../../core/errors.ts'
import type { Engine, ReplicaSpec } from '../engine.ts'
import { embeddedEngine } from '../embedded/embedded.ts'
import { launchPlan, oneCopy, probeOf } from '../launch-plan.ts'
import { portsOf } from '../pairing.ts'
import { environmentOf, orElse, sharedMemoryOf, unhonoured } from '../settings-said.ts'
import { meetingNobody } from '../sglang/pairing.ts'
import { type SimulatedFlags, simulatedFlags } from './flags.ts'
import { isPairPlayed } from './paired-request.ts'

/** Where other replicas reach this one. */
export const addressVariable = 'HANDOVER_ADDRESS'

const probe = probeOf('/health', { periodMs: 1000 })

/**
 * A real HTTP engine in a process of its own that answers in the time that the planner predicts for the hardware of the
 * deployment: a cluster can be rehearsed on a laptop. It needs no device and no model file.
 */
export const simulatedEngine: Engine = {
  ...embeddedEngine,
  name: 'simulated',
  about: 'plays any model on any hardware in the time that the planner predicts',
  takes: 'reference',
  tasks: ['generate'],
  honours: [
    'contextTokens',
    'sequencesMax',
    'batchTokens',
    'queueMax',
    'memoryShare',
    'weightPrecision',
    'kvPrecision',
    'tensorParallel',
    'pipelineParallel',
    'dataParallel',
    'expertParallel',
    'prefixCaching',
    'chunkedPrefill',
    'role',
    'engineVersion',
    'image',
  ],

  pairing: (deployment) => {
    const protocol = playedBy(deployment)
    if (!isPairPlayed(protocol)) return null
    return { protocol, alone: protocol === 'sglang' ? meetingNobody : {} }
  },

  launch(spec) {
    const { settings } = spec.deployment
    const { env, secrets } = environmentOf(settings)
    const flags = simulationOf(spec)
    return launchPlan({
      // Planner and simulator are another room: the program that joins them is control's.
      argv: [
        'node',
        fileURLToPath(new URL('../../server/simulated/process.ts', import.meta.url)),
        ...simulatedFlags.write(flags),
      ],
      env: {
        ...env,
        ...(settings.role === 'both' ? {} : { [addressVariable]: '{address}' }),
      },
      secrets,
      image: orElse(settings.image, null),
      ports: portsOf(spec),
      probes: {
        startup: { ...probe, loadTimeoutMs: orElse(settings.loadTimeoutS, 60) * 1000 },
        readiness: probe,
        liveness: probe,
      },
      drain: { preStopMs: 0, signal: 'SIGTERM', graceMs: flags.drainMs + 2000 },
      devices: oneCopy(0),
      sharedMemoryBytes: sharedMemoryOf(settings),
      warnings: unhonoured('simulated', settings, this.honours, {
        speculation: 'how many drafts are right is not known before it is measured',
      }),
    })
  },
}

function playedBy({ settings }: DeploymentSpec): string {
  const behaves = settings.environment[behavesVariable]
  return typeof behaves === 'string' ? behaves : 'vllm'
}

/** What a deployment asks the simulation for. Throws `simulation/bad-scenario` where it names no hardware. */
export function simulationOf({
  deployment,
  host,
  port,
}: Omit<ReplicaSpec, 'id' | 'modelPath'>): SimulatedFlags {
  const { settings, hardware, model, route, name } = deployment
  if (hardware === undefined)
    throw new AppError('simulation/bad-scenario', {
      message: 'the engine "simulated" has to know what it stands for',
      param: 'hardware',
      hint: 'Name accelerators: hardware: h100:8.',
    })
  return {
    model,
    hardware,
    behaves: playedBy(deployment),
    version: settings.engineVersion,
    contextTokens: settings.contextTokens,
    sequencesMax: settings.sequencesMax,
    batchTokens: settings.batchTokens,
    queueMax: settings.queueMax,
    memoryShare: settings.memoryShare,
    weightPrecision: settings.weightPrecision,
    kvPrecision: settings.kvPrecision,
    tensorParallel: settings.tensorParallel,
    pipelineParallel: settings.pipelineParallel,
    dataParallel: settings.dataParallel,
    expertParallel: settings.expertParallel,
    prefixCaching: settings.prefixCaching,
    chunkedPrefill: settings.chunkedPrefill,
    role: settings.role,
    name: route ?? name,
    host,
    port,
    drainMs: orElse(settings.drainTimeoutS, 30) * 1000,
  }
}

import type { Scenario } from '../../contract/scenario.ts'
import type { EngineModel } from '../../core/engine-model.ts'
import { AppError } from '../../core/errors.ts'
import type { Recording } from '../../injector/policy/workload/schedule.ts'
import { coldStart } from '../../planner/cold-start/cold-start.ts'
import { calibrationOf } from '../../planner/load/coefficients.ts'
import type { Scenario as Deployment } from '../../planner/load/scenario.ts'
import { readRow } from '../../planner/predict/row.ts'
import { builtIn, type Catalogues, readScenario } from '../../planner/predict/read-scenario.ts'
import { createTargetScaler } from '../cluster/target-scaler.ts'
import { defaultParameters, type EngineParameters } from '../engine/parameters.ts'
import type { Fault, PoolSetup, SimulationSetup } from '../setup.ts'
import { linearStepTime } from '../step-times.ts'
import { plannedEngine } from './planned-engine.ts'
import { hashTokensOf, scenarioWorkload } from './scenario-workload.ts'

/**
 * A scenario file as a run. `engines`: what the registry knows. Errors: `simulation/bad-scenario` where a deployment
 * can't be planned, `injection/bad-spec` for a workload that can't be read.
 */
export function simulationSetup(
  scenario: Scenario,
  engines: readonly EngineModel[],
  recording: Recording | null,
  catalogues: Catalogues = builtIn,
): SimulationSetup {
  const { concurrency, users, requests, duration } = scenario.workload
  // A closed loop goes on for as long as it is watched.
  const endMs = scenario.end ?? (users && !requests ? (duration ?? 60_000) : undefined)
  return {
    seed: scenario.seed,
    pools: scenario.pools.map((pool) => poolSetup(pool, engines, catalogues)),
    workload: scenarioWorkload(scenario, recording),
    hashTokens: hashTokensOf(recording),
    faults: scenario.faults.map(faultOf),
    gateways: scenario.gateways,
    holdTimeoutMs: scenario.holdTimeout,
    // What is paid for when nothing comes any more is part of what an autoscaler costs.
    watchMs: scenario.pools.some(({ scaling }) => scaling) ? (endMs ?? duration ?? 0) : 0,
    ...(concurrency === undefined ? {} : { concurrencyMax: concurrency }),
    ...(endMs === undefined ? {} : { endMs }),
  }
}

/** Pools whose step times come from a calibration of the user's own. */
export const calibratedPools = (
  { pools }: Scenario,
  engines: readonly EngineModel[],
  catalogues: Catalogues = builtIn,
): string[] =>
  pools
    .filter(
      (pool) =>
        pool.deployment !== undefined &&
        calibrationOf(deploymentOf(pool, {}, engines, catalogues)) !== undefined,
    )
    .map(({ name }) => name)

type Pool = Scenario['pools'][number]

function poolSetup(pool: Pool, engines: readonly EngineModel[], catalogues: Catalogues): PoolSetup {
  const { name, replicas, weight, role, start, transfer, transferPerTokenMs, step, scaling } = pool
  // Whoever leaves a setting out gets the one of the engine's kind.
  const change = Object.fromEntries(
    Object.entries(pool.engine).filter(([, value]) => value !== undefined),
  ) as Partial<EngineParameters>
  const common = {
    name,
    replicas,
    weight,
    role,
    transferMs: (tokens: number) => transfer + tokens * transferPerTokenMs,
    ...(scaling ? { autoscaler: scalerOf(scaling) } : {}),
  }
  if (step)
    return {
      ...common,
      startMs: typeof start === 'number' ? start : 0,
      engine: { ...defaultParameters, ...change },
      stepTime: linearStepTime(millis(step)),
    }
  const deployment = deploymentOf(pool, change, engines, catalogues)
  return {
    ...common,
    startMs:
      typeof start === 'number'
        ? start
        : coldStart(deployment.engine, deployment.layout)[start] * 1000,
    ...plannedEngine(deployment, change),
  }
}

function scalerOf({ every, min, max, upMost, ...rule }: NonNullable<Pool['scaling']>) {
  return createTargetScaler({
    targets: {
      inFlight: rule.inFlight,
      waiting: rule.waiting,
      kvUsage: rule.kvUsage,
      busy: rule.busy,
      ttftMs: rule.ttft,
      tpotMs: rule.tpot,
    },
    min,
    max,
    upMost,
    intervalMs: Math.max(1, every),
    upAfterMs: rule.upAfter,
    downAfterMs: rule.downAfter,
    cooldownMs: rule.cooldown,
    idleAfterMs: rule.idleAfter,
  })
}

const millis = (step: NonNullable<Pool['step']>) => ({
  baseMs: step.base,
  promptTokenMs: step.promptToken,
  sequenceMs: step.sequence,
  contextTokenMs: step.contextToken,
  promptPairMs: step.promptPair,
})

function deploymentOf(
  pool: Pool,
  change: Partial<EngineParameters>,
  engines: readonly EngineModel[],
  catalogues: Catalogues,
): Deployment {
  const { engine, version, model, gpu, gpus, tp, pp, dp, ep, precision, kvDtype, memoryShare } =
    pool.deployment!
  const { speculative, compile } = pool.deployment!
  const row = readRow({
    engine,
    version,
    model,
    gpu,
    precision,
    speculative,
    compile,
    kv_dtype: kvDtype,
  })
  const deployment = readScenario(
    {
      ...row,
      numGpus: gpus,
      tp: tp ?? null,
      pp: pp ?? null,
      dp: dp ?? null,
      ep: ep ?? null,
      memoryShare: memoryShare ?? null,
      maxSequences: change.sequencesMax ?? null,
      batchedTokens: change.batchTokens ?? null,
      // The planner wants a load; here the simulation makes it.
      isl: 1,
      osl: 1,
      load: '1',
    },
    engines,
    catalogues,
  )
  if ('reason' in deployment)
    throw new AppError('simulation/bad-scenario', {
      message: `pool "${pool.name}": ${deployment.reason}`,
    })
  return deployment
}

const faultOf = (fault: Scenario['faults'][number]): Fault =>
  fault.kind === 'crash'
    ? {
        kind: 'crash',
        atMs: fault.at,
        replica: fault.replica,
        restartMs: fault.restart ?? null,
      }
    : {
        kind: 'slow',
        atMs: fault.at,
        replica: fault.replica,
        factor: fault.factor,
        forMs: fault.for,
      }

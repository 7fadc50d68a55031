import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultParameters, type EngineParameters } from '../../src/simulator/engine/parameters.ts'
import { simulate, type SimulationResult } from '../../src/simulator/simulate.ts'
import { type Link, profiledStepTime, type ProfiledRun } from './layer-profile.ts'

const data = join(import.meta.dirname, '../../../shared/data')
const profiles = join(data, 'ops/llmservingsim')
const traces = join(data, 'traces/llmservingsim_vllm')

export const hasRecordings = (): boolean => existsSync(profiles) && existsSync(traces)

/** A run of vLLM 0.19.0 that was recorded request by request, and what it was run with. */
export interface RecordedRun {
  readonly name: string
  readonly machine: ProfiledRun
  readonly engine: Partial<EngineParameters>
  /** Data-parallel ranks. */
  readonly ranks: number
}

/** Two RTX PRO 6000 on PCIe 5. */
export const pcie: Link = { floorUs: 20, GBs: 16 }

/** Settings from the recorded engine arguments; block counts other than the first are far from binding. */
export const recordedRuns: readonly RecordedRun[] = [
  {
    name: 'RTX4090_Llama-3.1-8B',
    machine: {
      profile: 'RTX4090_Llama-3.1-8B_tp1',
      layers: 32,
      hidden: 4096,
      tp: 1,
      link: null,
      skew: 0,
      experts: null,
      graphTokensMax: 512,
    },
    engine: { sequencesMax: 256, kvBlocks: 2587 },
    ranks: 1,
  },
  {
    name: 'RTXPRO6000_Llama-3.1-8B',
    machine: {
      profile: 'RTXPRO6000_Llama-3.1-8B_tp1',
      layers: 32,
      hidden: 4096,
      tp: 1,
      link: null,
      skew: 0.0543,
      experts: null,
      graphTokensMax: 256,
    },
    engine: { sequencesMax: 128, kvBlocks: 33_000 },
    ranks: 1,
  },
  {
    name: 'RTXPRO6000_Qwen3-32B',
    machine: {
      profile: 'RTXPRO6000_Qwen3-32B_tp2',
      layers: 64,
      hidden: 5120,
      tp: 2,
      link: pcie,
      skew: 0.0649,
      experts: null,
      graphTokensMax: 256,
    },
    engine: { sequencesMax: 128, kvBlocks: 26_000 },
    ranks: 1,
  },
  {
    name: 'RTXPRO6000_Qwen3-30B-A3B-Instruct-2507',
    machine: {
      profile: 'RTXPRO6000_Qwen3-30B-A3B-Instruct-2507_tp1',
      layers: 48,
      hidden: 2048,
      tp: 1,
      link: pcie,
      skew: 0.0645,
      experts: { count: 128, topK: 8 },
      graphTokensMax: 256,
    },
    engine: { sequencesMax: 128, kvBlocks: 34_000 },
    ranks: 2,
  },
]

export interface RecordedRequest {
  readonly atMs: number
  readonly promptTokens: number
  readonly answerTokens: number
  readonly ttftMs: number
  readonly tpotMs: number
  readonly e2eMs: number
}

export const readRecording = (name: string): RecordedRequest[] =>
  readFileSync(join(traces, `${name}.csv`), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(',').map(Number))
    .map(([, arrivalS, input, output, , ttftMs, tpotMs, e2eMs]) => ({
      atMs: arrivalS! * 1000,
      promptTokens: input!,
      answerTokens: output!,
      ttftMs: ttftMs!,
      tpotMs: tpotMs!,
      e2eMs: e2eMs!,
    }))
    .toSorted((a, b) => a.atMs - b.atMs)

export const replay = (run: RecordedRun, recording: readonly RecordedRequest[]): SimulationResult =>
  simulate({
    seed: 1,
    workload: recording,
    pools: [
      {
        name: 'vllm',
        engine: { ...defaultParameters, ...run.engine },
        stepTime: profiledStepTime(profiles, run.machine),
        replicas: 1,
        ranks: run.ranks,
      },
    ],
  })

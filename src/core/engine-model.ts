/**
 * What an engine knows of itself, as pure data: how it counts memory, how long its steps take beyond the kernels, which
 * knobs it has. Planner and simulator get it from the registry and name no engine.
 */
export interface EngineModel {
  readonly name: string
  /** How result tables and people call it, lower case. */
  readonly aliases: readonly string[]
  readonly memory: MemoryRules
  readonly scheduling: SchedulingRules
  readonly startup: StartupRules
  readonly bursts: BurstBias
  readonly fitted: FittedEngine
  readonly knobs: readonly Knob[]
  readonly capabilities: EngineCapabilities
}

export interface MemoryRules {
  /** What `share` is a share of: the whole device, or what is free once the weights are loaded. */
  readonly shareOf: 'device' | 'free'
  readonly defaultShare: number
  /** People raise the share to this where the default leaves too little. */
  readonly highestShare: number
  readonly blockTokens: number
  /** Blocks that exist but hold nothing. */
  readonly reservedBlocks: number
  /** Workspace that does not depend on the model: runtime, communication, CUDA graphs. */
  readonly workspaceBytes: number
  /** Logits and sampling buffers, by vocabulary entry. */
  readonly bytesPerVocabularyEntry: number
  /** Activations of a prefill step beyond `freeBatchedTokens`, by token and unit of width. */
  readonly bytesPerActivation: number
  readonly freeBatchedTokens: number
  /** A multimodal model is profiled with its largest input. */
  readonly visionBytes: number
  /** Whether a sequence holds blocks as it grows, or reserves them for its longest course. */
  readonly reserves: 'as-it-grows' | 'in-advance'
  /** Bytes a cached number takes when nobody says: by whether weights are quantised and the device multiplies fp4. */
  readonly defaultKvBytes: {
    readonly plain: number
    readonly quantised: number
    readonly newest: number
  }
}

export interface SchedulingRules {
  /** Prefill shares a step with decoding, or comes before it. */
  readonly mixesPrefill: boolean
  readonly maxSequences: { readonly large: number; readonly small: number }
  /** The same with drafts, where the engine sets another limit then. */
  readonly draftedSequences?: number
  /** How many times as much a sequence costs the host in drafted steps, where it can't work beside them. Default 1. */
  readonly draftedHost?: number
  readonly batchedTokens: { readonly large: number; readonly small: number }
  /** From this memory on a device counts as large. */
  readonly largeDeviceBytes: number
  /** Architectures that count as small whatever they hold. */
  readonly smallArchitectures: readonly string[]
}

/**
 * Natural logarithms: what measured bursts, all prompts at once, reached of the throughput that a simulation gives, and how
 * many times as long they took. An engine takes requests in one after another: prompts come later than a simulation has them.
 * Printed by `node bench/planner/search.ts --bursts`.
 */
export interface BurstBias {
  readonly dense: number
  readonly experts: number
  /** Experts in four-bit floats. */
  readonly fp4: number
  readonly ttft: number
  readonly tpot: number
}

/** What a start takes beside reading the weights, seconds. */
export interface StartupRules {
  /** Processes, imports, devices, tokenizer. */
  readonly bootS: number
  readonly compiles: boolean
  /** Tracing and compiling with a cache of an earlier start: a base, and for each layer. */
  readonly compileS: number
  readonly compileLayerS: number
  /** How many times as long compiling takes without that cache. */
  readonly firstCompile: number
  /** Trying the largest step; and capturing graphs of usual sizes, for each layer. */
  readonly profileS: number
  readonly captureLayerS: number
  readonly source: string
}

/** Multipliers of device time by part, and what the host adds; fitted by bench/planner/fit.ts. */
export interface StepCoefficients {
  readonly dense: number
  readonly experts: number
  /** Extra share of expert time lost to unequal load when experts are spread over ranks. */
  readonly expertSpread: number
  readonly attention: number
  readonly collective: number
  /** Multiplies what exchanging few tokens in one shot takes longer than in two. */
  readonly oneShot: number
  readonly layerUs: number
  readonly expertLayerUs: number
  readonly latentLayerUs: number
  readonly linearLayerUs: number
  readonly sparseLayerUs: number
  readonly stepUs: number
  readonly sequenceUs: number
  /** Prefill work that a decoding sequence feels. */
  readonly prefill: number
  readonly prefillStepUs: number
  /** What launching a prompt's kernels one by one takes the host longer than the device works on it. */
  readonly launch: number
}

/** What the time to the first token is made of. */
export interface FirstTokenCoefficients {
  readonly requestMs: number
  /** What a host does for each thousand tokens of a prompt. */
  readonly tokenMs: number
  /** Launching a prompt's kernels, one by one: of any layer, and what kinds of layers take beside. */
  readonly layerMs: number
  readonly expertLayerMs: number
  readonly latentLayerMs: number
  readonly linearLayerMs: number
  readonly sparseLayerMs: number
  readonly prefill: number
  readonly prefillAttention: number
  /** Steps until the first token is sent. */
  readonly step: number
  /** The same where requests come at random instead of as others leave. */
  readonly openStep: number
  /** What users wait for their turn, over what a played loop says. */
  readonly turn: number
  readonly queue: number
  readonly wait: number
  readonly sequenceMs: number
}

export interface FittedEra {
  /** First version that behaves like this; the first era starts at "0". */
  readonly from: string
  /** Another era that had the same steps, or the same first tokens: coefficients and corrections are learnt together. */
  readonly stepOf?: string
  readonly firstTokenOf?: string
  /** Nothing of this era was measured: it has what all engines share. Default: something was. */
  readonly isGuess?: true
  readonly step: StepCoefficients
  readonly firstToken: FirstTokenCoefficients
}

export interface FittedEngine {
  readonly provenance: string
  readonly eras: readonly FittedEra[]
  /** Natural logarithms by key: what is systematically slower or faster than the parts say. */
  readonly stepCorrections: Readonly<Record<string, number>>
  readonly firstTokenCorrections: Readonly<Record<string, number>>
  /** "MODEL on DEVICE" of every pair that was learnt from. */
  readonly measured: readonly string[]
  /** Natural logarithm of what a burst, all prompts at once, reaches of the throughput that the closed form says. */
  readonly burst: number
  /** Half-width of the 80 % interval of the logarithm, by what the engine does and how much of it was measured. */
  readonly errorBars: Readonly<Record<Situation, ErrorBars>>
  /** What the user's own runs say; each wins over the published fit for its model on its device. */
  readonly calibrations?: readonly Calibration[]
}

/** Coefficients of an engine for one model in one precision on one device, fitted to somebody's own runs. */
export interface Calibration {
  readonly engine: string
  readonly model: string
  readonly device: string
  readonly weights: string
  /** Empty: whatever version. */
  readonly version: string
  readonly step: StepCoefficients
  readonly firstToken: FirstTokenCoefficients
  /** Names of the rows of `covariance`: `step.dense`, `firstToken.queue`, … */
  readonly keys: readonly string[]
  /** Of the logarithms of the coefficients, given the runs. */
  readonly covariance: readonly (readonly number[])[]
  /** Standard deviation of the logarithm by which a run differs from what the coefficients say. */
  readonly noise: { readonly tpot: number; readonly ttft: number }
  /** Standard deviations that hold 80 % of runs: more than 1.28 where there were few to learn the noise from. */
  readonly deviations: number
}

/**
 * What an engine does under a load, as far as predictions are surer of one than of another: mostly decoding; mostly reading
 * prompts (a quarter of the time between tokens or more); as much as it can; all prompts at once.
 */
export type Situation = 'decoding' | 'reading' | 'maxLoad' | 'burst'

export type ErrorBars = Readonly<Record<'tpot' | 'ttft' | 'e2e' | 'throughput', ErrorBar>>

export interface ErrorBar {
  /** Model and device were measured together with this engine. */
  readonly known: number
  /** Both were, but not together. */
  readonly partly: number
  /** One of them never was. */
  readonly unknown: number
}

export interface Knob {
  /** Name in Baleen's settings. */
  readonly name: string
  /** The engine's flag. */
  readonly flag: string
  readonly about: string
}

export interface EngineCapabilities {
  /** Models that write, read, or read and then write. */
  readonly kinds: readonly ('decoder' | 'encoder' | 'encoder-decoder')[]
  readonly weightPrecisions: readonly string[]
  readonly kvPrecisions: readonly string[]
  readonly parallelism: readonly ('tp' | 'pp' | 'dp' | 'ep')[]
  readonly prefixCaching: boolean
  readonly chunkedPrefill: boolean
  readonly speculative: readonly string[]
  /** Serves several LoRA adapters on one copy of the weights. */
  readonly adapters: boolean
  /** Where weights and cache may lie beside the devices. */
  readonly offload: readonly ('host' | 'nvme' | 'cpu')[]
  /** Prompts can be read by replicas of their own, which send the cache on. */
  readonly disaggregates: boolean
  readonly vendors: readonly string[]
  /** Runs GGUF files as they are. */
  readonly loadsGguf?: boolean
}

import type { Distribution, ModelSession } from '../model/session.ts'
import type { Part } from './sequence.ts'

/** What came out of a step for one part. */
export interface Sampled {
  readonly token: number
  readonly distribution: Distribution | null
}

export interface StepResult {
  /** Time the model took, without sampling. */
  readonly decodeMs: number
  /** One for each part; null where the prompt is not read to its end yet. */
  readonly sampled: readonly (Sampled | null)[]
}

/**
 * Computes the parts and samples from them. The model is at work as soon as this returns its promise, so that the
 * caller can use the time.
 */
export function runStep(
  session: ModelSession,
  parts: readonly Part[],
  threads: number,
  nowMs: () => number,
): Promise<StepResult> {
  const startedMs = nowMs()
  session.startBatch(parts.reduce((sum, part) => sum + part.tokens.length, 0))
  const logits = parts.map(({ sequence, tokens, wanted }) =>
    session.add(sequence.id, sequence.tokens.length, tokens, wanted),
  )
  const decoded = session.decode(threads).then(() => nowMs() - startedMs)
  const isPlain = parts.every((part) => !part.work.generation.wantsPromptDistributions)
  return session.isSerial && isPlain
    ? sampleBehind(session, parts, logits, decoded)
    : sampleAfter(session, parts, logits, decoded)
}

/** Work for the model queues up in one thread: sampling is asked for at once and runs right behind the decoding. */
async function sampleBehind(
  session: ModelSession,
  parts: readonly Part[],
  logits: readonly Uint32Array[],
  decoded: Promise<number>,
): Promise<StepResult> {
  const sampling = parts.map((part, index) => samplePart(session, part, logits[index]!))
  // Also after a failure everything has to be over before a sampler may be freed.
  await Promise.allSettled(sampling)
  return { decodeMs: await decoded, sampled: await Promise.all(sampling) }
}

async function sampleAfter(
  session: ModelSession,
  parts: readonly Part[],
  logits: readonly Uint32Array[],
  decoded: Promise<number>,
): Promise<StepResult> {
  const decodeMs = await decoded
  const sampled: (Sampled | null)[] = []
  // One by one: the first read puts all logits in order, which must not happen in two threads at once.
  for (const [index, part] of parts.entries()) {
    await readPrompt(session, part, logits[index]!)
    sampled.push(await samplePart(session, part, logits[index]!))
  }
  return { decodeMs, sampled }
}

async function samplePart(
  session: ModelSession,
  { work, hasAnswer }: Part,
  logits: Uint32Array,
): Promise<Sampled | null> {
  const logit = logits.at(-1)
  if (!hasAnswer || logit === undefined) return null
  const { generation, sampler, rawSampler } = work
  const distribution =
    rawSampler && generation.wantsDistributions ? session.distribution(logit, rawSampler) : null
  const token = session.sample(logit, sampler)
  return { distribution: await distribution, token: await token }
}

/** Each distribution is as long as the vocabulary: handed on before the next one is made. */
async function readPrompt(
  session: ModelSession,
  { work, sequence, tokens }: Part,
  logits: Uint32Array,
): Promise<void> {
  const { generation, rawSampler } = work
  if (!generation.wantsPromptDistributions || !rawSampler || work.nextToken >= 0) return
  for (const index of tokens.keys()) {
    const position = sequence.tokens.length + index + 1
    if (position >= generation.prompt.length) return
    generation.onPromptDistribution?.(
      position,
      await session.distribution(logits[index]!, rawSampler),
    )
  }
}

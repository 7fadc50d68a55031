/** Users who each send their next request when they have an answer, in front of one engine. */
export interface ClosedLoop {
  readonly users: number
  /** Sequences that the engine works on at a time. */
  readonly places: number
  /** What a prompt adds to the step that reads it. */
  readonly promptMs: number
  /** What any step that reads prompts takes beside them. */
  readonly readingMs: number
  /** A step in which all decode and nobody reads. */
  readonly stepMs: number
  /** Steps of a mean answer. */
  readonly steps: number
  /** Mean prompts that one step can read; below one they are cut. */
  readonly promptsPerStep: number
  /** A host takes requests in one after another. */
  readonly acceptMs: number
  /** Steps after which the engine looks for requests. */
  readonly recvInterval: number
  /** Prompts share a step with those who decode, or hold them up. */
  readonly mixesPrefill: boolean
  /** How far lengths are from their mean at most, as a share of it. */
  readonly spread: number
}

/** Means over all requests. */
export interface Played {
  /** Waited for one's turn: from sending to the first token, less what the own prompt takes by itself. */
  readonly turnMs: number
  /** Prompts of others that are read between the first token of an answer and its last. */
  readonly promptsFelt: number
}

/** Requests of each user: published runs have ten, and all users begin at once. */
const requestsEach = 10

/** More users than this are told by so many with longer prompts. */
const usersMax = 1024

/**
 * Plays the loop step by step, from the moment when all users begin: their first prompts are read one after another, which is
 * in the mean of a short run for good. Whoever has an answer sends the next request at once; it comes when the next step has
 * begun, and waits for that. Those whose prompts were read together come back together as long as their lengths are alike.
 * Lengths are drawn evenly by a sequence that has no chance in it.
 */
export function playClosedLoop(given: ClosedLoop): Played {
  const { loop, by } = condensed(given)
  const { promptMs, readingMs, stepMs, mixesPrefill, recvInterval, spread } = loop
  const total = loop.users * requestsEach
  const running = createQueue(Math.min(loop.users, loop.places))
  /** In order of coming; those before `seen` may be read, the one at `next` is being read. */
  const sentMs = new Float64Array(total)
  const thereMs = new Float64Array(total)
  let sent = 0
  let seen = 0
  let next = 0
  let leftOfNext = lengthOf(0, promptDraw, spread)
  let nowMs = 0
  let step = 0
  let looksAt = 0
  let turnsMs = 0
  let felt = 0

  function send(): void {
    if (sent === total) return
    sentMs[sent] = nowMs
    const before = sent > 0 ? (thereMs[sent - 1] as number) : 0
    thereMs[sent] = Math.max(nowMs + travelMs, before + loop.acceptMs)
    sent++
  }
  for (let user = 0; user < loop.users; user++) send()

  while (next < total) {
    if (running.size === 0 || step >= looksAt) {
      while (seen < sent && (thereMs[seen] as number) <= nowMs) seen++
      if (step >= looksAt) looksAt = step + recvInterval - ((step - looksAt) % recvInterval)
    }
    const isFull = running.size >= loop.places
    if (next < seen && !isFull) {
      let room = loop.promptsPerStep
      let places = loop.places - running.size
      let read = 0
      const from = next
      while (next < seen && room > 1e-9 && places > 0) {
        const part = Math.min(room, leftOfNext)
        read += part
        room -= part
        leftOfNext -= part
        if (leftOfNext > 1e-9) break
        next++
        places--
        leftOfNext = lengthOf(next, promptDraw, spread)
      }
      felt += read * running.size
      const isDecoding = mixesPrefill && running.size > 0
      nowMs += read * promptMs + readingMs + (isDecoding ? stepMs : 0)
      if (mixesPrefill) step++
      else looksAt = step
      for (let one = from; one < next; one++) {
        const own = lengthOf(one, promptDraw, spread) * promptMs
        turnsMs += Math.max(0, nowMs - (sentMs[one] as number) - own)
        running.push(step + loop.steps * lengthOf(one, answerDraw, spread))
      }
    } else if (running.size === 0) nowMs = Math.max(nowMs, thereMs[seen] as number)
    else {
      // Nothing to read: on to the step in which somebody ends, or the engine finds the next one there.
      const ends = Math.max(1, Math.ceil(running.first() - step - 1e-9))
      const steps = isFull || seen === sent ? ends : Math.min(ends, untilSeen())
      nowMs += steps * stepMs
      step += steps
    }
    while (running.size > 0 && running.first() <= step + 1e-9) {
      running.pop()
      send()
    }
  }
  return { turnMs: turnsMs / total, promptsFelt: (felt * by) / total }

  function untilSeen(): number {
    const there = Math.max(1, Math.ceil(((thereMs[seen] as number) - nowMs) / stepMs - 1e-9))
    const looks = Math.max(0, looksAt - step)
    return looks >= there ? looks : looks + Math.ceil((there - looks) / recvInterval) * recvInterval
  }
}

/** From a user to the engine and back, at the least. */
const travelMs = 3

function condensed(loop: ClosedLoop): { readonly loop: ClosedLoop; readonly by: number } {
  const by = loop.users / usersMax
  if (by <= 1) return { loop: { ...loop, users: Math.max(1, Math.round(loop.users)) }, by: 1 }
  const few = {
    ...loop,
    users: usersMax,
    places: Math.max(1, loop.places / by),
    promptMs: loop.promptMs * by,
    acceptMs: loop.acceptMs * by,
    promptsPerStep: loop.promptsPerStep / by,
  }
  return { loop: few, by }
}

/** Fractions that fill an interval evenly from the first draw on: the golden ratio, and one that is unlike it. */
const promptDraw = 0.618_033_988_749_895
const answerDraw = 0.754_877_666_246_693

const lengthOf = (request: number, draw: number, spread: number): number =>
  1 + spread * (2 * ((request * draw + 0.5) % 1) - 1)

/** Smallest first. */
function createQueue(capacity: number) {
  const heap = new Float64Array(Math.ceil(capacity) + 2)
  let size = 0
  return {
    get size() {
      return size
    },
    first: () => heap[0] as number,
    push(value: number) {
      let at = size++
      while (at > 0) {
        const parent = (at - 1) >> 1
        if ((heap[parent] as number) <= value) break
        heap[at] = heap[parent] as number
        at = parent
      }
      heap[at] = value
    },
    pop() {
      const last = heap[--size] as number
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (child >= size) break
        if (child + 1 < size && (heap[child + 1] as number) < (heap[child] as number)) child++
        if ((heap[child] as number) >= last) break
        heap[at] = heap[child] as number
        at = child
      }
      heap[at] = last
    },
  }
}

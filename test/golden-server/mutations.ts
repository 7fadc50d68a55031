/** A flaw found in another tool, built into ours: `find` is replaced by `put` in `file`, and one of `tests` has to fail. */
export interface Mutation {
  readonly flaw: string
  readonly file: string
  readonly find: string
  readonly put: string
  readonly tests: readonly string[]
}

const closed = ['test/golden-server/closed-form.test.ts']
const driver = ['test/golden-server/driver.test.ts']
const flaws = ['test/golden-server/rival-flaws.test.ts']
const arrivals = ['src/injector/policy/arrivals']
const wire = ['src/injector/wire', ...closed]

const latency = 'src/injector/policy/measurement/latency.ts'
const exchange = 'src/injector/policy/measurement/exchange.ts'
const record = 'src/injector/policy/measurement/record.ts'
const event = 'src/injector/policy/measurement/stream-event.ts'
const template = 'src/injector/policy/measurement/event-template.ts'
const measure = 'src/injector/policy/measurement/measure.ts'
const window = 'src/injector/policy/measurement/window.ts'
const validity = 'src/injector/policy/measurement/judge-validity.ts'
const sse = 'src/injector/wire/sse-parser.ts'
const drive = 'src/injector/drive/driver.ts'
const launcher = 'src/injector/drive/launcher.ts'
const schedule = 'src/injector/policy/workload/schedule.ts'

export const mutations: readonly Mutation[] = [
  {
    flaw: 'vLLM, GenAI-Perf: the role-only chunk is the first token',
    file: exchange,
    find: "  if (text === '') return\n  stampContent",
    put: '  stampContent',
    tests: closed,
  },
  {
    flaw: 'vLLM: a stream that just ends is a success',
    file: record,
    find: ": 'truncated'\n    case null",
    put: ": 'ok'\n    case null",
    tests: closed,
  },
  {
    flaw: 'vLLM: an end without a finish reason is a success',
    file: record,
    find: '!Number.isNaN(exchange.finishMs) && !Number.isNaN(exchange.doneMs)',
    put: '!Number.isNaN(exchange.doneMs)',
    tests: closed,
  },
  {
    flaw: 'vLLM: an end without [DONE] is a success',
    file: record,
    find: '!Number.isNaN(exchange.finishMs) && !Number.isNaN(exchange.doneMs)',
    put: '!Number.isNaN(exchange.finishMs)',
    tests: closed,
  },
  {
    flaw: 'vLLM: an error event after status 200 is ignored',
    file: record,
    find: "  if (exchange.hasErrorEvent && status < 300) return 'sse_error'\n",
    put: '',
    tests: closed,
  },
  {
    flaw: 'an event that is no JSON is ignored',
    file: exchange,
    find: '    exchange.hasMalformedEvent = true\n    exchange.error ??= `malformed event',
    put: '    exchange.error ??= `malformed event',
    tests: closed,
  },
  {
    flaw: 'vLLM: gaps are rescaled so that the last request comes on time',
    file: 'src/injector/policy/arrivals/poisson.ts',
    find: "    if (parameters['count'] !== 'exact') return",
    put: "    if (parameters['count'] === 'none') return",
    tests: arrivals,
  },
  {
    flaw: 'inference-perf: gaps named constant are exponential',
    file: 'src/injector/policy/arrivals/constant.ts',
    find: '(_, index) => (index * 1000) / ratePerS,',
    put: '(_, index) => ((index + ((index * 7919) % 13) / 13) * 1000) / ratePerS,',
    tests: arrivals,
  },
  {
    flaw: 'inference-perf: the seed does not reach the arrivals',
    file: schedule,
    find: "random: createRandom(streamSeed(spec.seed, 'arrivals'))",
    put: 'random: Math.random',
    tests: driver,
  },
  {
    flaw: 'ENOVA: gaps of whole seconds',
    file: 'src/injector/policy/arrivals/renewal.ts',
    find: '    times.push(time)',
    put: '    times.push(Math.floor(time / 1000) * 1000)',
    tests: arrivals,
  },
  {
    flaw: 'GuideLLM: every worker follows the same random numbers',
    file: drive,
    find: 'session += shard.count) {',
    put: 'session += 1) {',
    tests: driver,
  },
  {
    flaw: 'vLLM: time of the wall clock',
    file: 'src/injector/drive/run-clock.ts',
    find: '  return () => performance.now() + offsetMs',
    put: '  return () => Date.now() + 0 * offsetMs',
    tests: flaws,
  },
  {
    flaw: 'vLLM: packets are stripped of blanks',
    file: sse,
    find: 'rest = rest === null ? Buffer.from(tail)',
    put: "rest = rest === null ? Buffer.from(tail.toString('latin1').trim(), 'latin1')",
    tests: wire,
  },
  {
    flaw: 'packets are decoded one by one: split characters are lost',
    file: sse,
    find: 'rest = rest === null ? Buffer.from(tail)',
    put: 'rest = rest === null ? Buffer.from(tail.toString())',
    tests: wire,
  },
  {
    flaw: 'inference-perf: lines end in LF only',
    file: sse,
    find: 'const carriageReturn = 0x0d',
    put: 'const carriageReturn = 0x100',
    tests: wire,
  },
  {
    flaw: 'a keep-alive comment is an event',
    file: sse,
    find: '      if (data === null) return\n      const complete = data',
    put: "      const complete = data ?? ''",
    tests: wire,
  },
  {
    flaw: 'all of them: TTFT counts from the socket',
    file: latency,
    find: 'firstContentMs(record) - record.intendedMs',
    put: 'firstContentMs(record) - record.handedMs',
    tests: closed,
  },
  {
    flaw: 'vLLM: E2E counts from the socket',
    file: latency,
    find: 'record.doneMs - record.intendedMs',
    put: 'record.doneMs - record.handedMs',
    tests: closed,
  },
  {
    flaw: 'GuideLLM, llmperf: TPOT holds the time to the first token',
    file: latency,
    find: '(contentMs.at(-1)! - contentMs[0]!) / (outputTokens - 1)',
    put: '(contentMs.at(-1)! - record.handedMs) / outputTokens',
    tests: closed,
  },
  {
    flaw: 'inference-perf, llmperf: events are tokens',
    file: latency,
    find: '(contentMs.at(-1)! - contentMs[0]!) / (outputTokens - 1)',
    put: '(contentMs.at(-1)! - contentMs[0]!) / (contentMs.length - 1)',
    tests: closed,
  },
  {
    flaw: 'tokens of an answer without usage are its events',
    file: record,
    find: 'exchange.usage?.outputTokens ?? null',
    put: 'exchange.usage?.outputTokens ?? exchange.contentMs.length',
    tests: closed,
  },
  {
    flaw: 'vLLM: an answer of one token has no pace and is no good one',
    file: latency,
    find: 'outputTokens < 2 || contentMs.length === 0) return NaN',
    put: 'outputTokens < 2 || contentMs.length === 0) return Infinity',
    tests: closed,
  },
  {
    flaw: 'SGLang: a gap is spread over the tokens that it brought',
    file: latency,
    find: 'const gap = contentMs[index]! - contentMs[index - 1]!',
    put: 'const gap = (contentMs[index]! - contentMs[index - 1]!) / 2',
    tests: closed,
  },
  {
    flaw: 'reasoning is no content',
    file: event,
    find: "stringOf(delta['reasoning_content']) || stringOf(delta['reasoning'])",
    put: "stringOf(delta['thinking'])",
    tests: closed,
  },
  {
    flaw: 'tool-call arguments are no content',
    file: event,
    find: "text += stringOf(call['function']['arguments'])",
    put: "text += ''",
    tests: closed,
  },
  {
    flaw: 'the short way through an event forgets what stands behind the text',
    file: template,
    find: '      if (bytes[at + index] !== suffix[index]) return -1',
    put: '      if (bytes[at + index] === 0) return -1',
    tests: ['src/injector/policy/measurement', ...closed],
  },
  {
    flaw: 'the short way takes an escape for text',
    file: template,
    find: 'byte === backslash || ',
    put: '',
    tests: ['src/injector/policy/measurement', ...closed],
  },
  {
    flaw: 'vLLM: time counts from when the client got round to it',
    file: drive,
    find: 'begin(shard.index + next * shard.count, intendedMs)',
    put: 'begin(shard.index + next * shard.count, now())',
    tests: [...driver, ...flaws],
  },
  {
    flaw: 'AIPerf: what was missed by more than 10 ms is left out',
    file: drive,
    find: '      begin(shard.index + next * shard.count, intendedMs)',
    put: '      if (now() - intendedMs < 10) begin(shard.index + next * shard.count, intendedMs)',
    tests: flaws,
  },
  {
    flaw: 'timers fire early, and nobody looks',
    file: drive,
    find: 'if (intendedMs > now() ||',
    put: 'if (intendedMs > now() + 5 ||',
    tests: driver,
  },
  {
    flaw: 'GuideLLM, inference-perf: at most 100 streams a worker, silently',
    file: launcher,
    find: 'if (active.length >= options.inFlightMax) {',
    put: 'if (active.length >= 100) {',
    tests: flaws,
  },
  {
    flaw: 'vLLM --max-concurrency: above the bound requests wait unseen',
    file: launcher,
    find: '      if (active.length >= options.inFlightMax) {',
    put: '      if (active.length >= options.inFlightMax) { setTimeout(() => this.launch(exchange, request), 10); return\n',
    tests: driver,
  },
  {
    flaw: 'AIPerf: a connection for each request',
    file: launcher,
    find: 'if (isReusable) pool.give(connection)',
    put: 'if (isReusable) connection.destroy()',
    tests: [...driver, ...flaws],
  },
  {
    flaw: 'vLLM, inference-perf: long prompts are made when they fall due',
    file: 'src/injector/drive/request-builder.ts',
    find: '      slot.entry = entry\n',
    put: '      slot.entry = -1\n',
    tests: flaws,
  },
  {
    flaw: 'evalscope: all users begin at once',
    file: schedule,
    find: '(index * rampMs) / users',
    put: '0 * rampMs',
    tests: flaws,
  },
  {
    flaw: 'inference-perf: every count of tokens adds the special ones',
    file: 'src/injector/drive/endpoint-calls.ts',
    find: 'add_special_tokens: false',
    put: 'add_special_tokens: true',
    tests: flaws,
  },
  {
    flaw: 'inference-perf: goodput over the successful ones',
    file: measure,
    find: 'good.length / inside.length,',
    put: 'good.length / answered.length,',
    tests: closed,
  },
  {
    flaw: 'vLLM: throughput over ramp and drain too',
    file: measure,
    find: "outcome === 'ok' && contains(window, doneMs)",
    put: "outcome === 'ok' && doneMs >= 0",
    tests: closed,
  },
  {
    flaw: 'GuideLLM: tokens lie evenly over the request',
    file: window,
    find: '  for (const time of contentMs) if (contains(window, time)) events++\n',
    put: '  for (let i = 0; i < contentMs.length; i++) if (contains(window, record.handedMs + ((doneMs - record.handedMs) * (i + 1)) / contentMs.length)) events++\n',
    tests: closed,
  },
  {
    flaw: 'GuideLLM: the warm-up keeps requests that merely overlap',
    file: measure,
    find: '({ intendedMs }) => contains(window, intendedMs))',
    put: '({ endedMs }) => contains(window, endedMs))',
    tests: closed,
  },
  {
    flaw: 'llmperf: what failed is not there',
    file: measure,
    find: 'outcomes: countOutcomes(inside),',
    put: 'outcomes: countOutcomes(answered),',
    tests: closed,
  },
  {
    flaw: 'a client that was late says nothing',
    file: validity,
    find: '  delayMs: 5,',
    put: '  delayMs: 5000,',
    tests: closed,
  },
  {
    flaw: 'requests that got lost are not missed',
    file: validity,
    find: 'const isConserved = records.length === facts.scheduled',
    put: 'const isConserved = records.length <= facts.scheduled',
    tests: closed,
  },
  {
    flaw: 'a p99 is printed of any number of samples',
    file: 'src/injector/policy/statistics/summary.ts',
    find: 'if (count >= floors[name]) {',
    put: 'if (count >= floors[name] / 1000) {',
    tests: ['src/injector/policy/statistics'],
  },
  {
    flaw: 'GuideLLM: a slope whose interval holds 0 is saturation',
    file: 'src/injector/policy/steady-state.ts',
    find: 'halfWidth / perBin >= 1 || trendChance(inFlight) >= alpha) return false',
    put: 'halfWidth / perBin >= 2) return false',
    tests: ['src/injector/policy/steady-state.test.ts'],
  },
  {
    flaw: 'MLC: no look at drift',
    file: 'src/injector/policy/steady-state.ts',
    find: 'if (drift < alpha)',
    put: 'if (drift < 0)',
    tests: ['src/injector/policy/steady-state.test.ts'],
  },
  {
    flaw: 'evalscope: a rate is good when its average is',
    file: 'src/injector/policy/search/rate-search.ts',
    find: "return low >= target ? 'meets' : high < target ? 'misses' : 'open'",
    put: "return point.good / point.total >= target ? 'meets' : high < 0 ? 'open' : low < 2 ? 'misses' : 'open'",
    tests: ['src/injector/policy/search'],
  },
  {
    flaw: 'many metrics, each at the whole 5 %, of requests instead of runs',
    file: 'src/injector/policy/search/verdict.ts',
    find: 'Math.max(Math.sqrt(variance / logs.length), 1e-12)',
    put: 'Math.max(Math.sqrt(variance / logs.length) / 3, 1e-12)',
    tests: ['src/injector/policy/search'],
  },
]

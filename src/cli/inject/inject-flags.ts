import { arrivalProcesses } from '../../injector/policy/arrivals/index.ts'
import { sloPresets, workloads } from '../../injector/policy/workload/presets.ts'
import type { Flags, FlagValues } from '../command.ts'

/** What makes a spec. Values with a grammar of their own are texts and parsed where the spec is built. */
export const specFlags = {
  model: {
    kind: 'text',
    short: 'm',
    repeats: true,
    hint: 'NAME[=WEIGHT]',
    summary: 'Model; more than one make a mix',
  },
  endpoint: {
    kind: 'text',
    choices: ['chat', 'completions', 'responses', 'embeddings'],
    summary: 'What to call (chat)',
  },
  rate: {
    kind: 'text',
    short: 'r',
    hint: 'PER-SECOND',
    summary: 'Requests a second, open loop (1)',
  },
  arrivals: {
    kind: 'text',
    hint: 'PROCESS[:NAME=VALUE,…]',
    summary: `How they come (poisson): ${arrivalProcesses.map(({ name }) => name).join(', ')}`,
  },
  users: {
    kind: 'integer',
    short: 'u',
    summary: 'Closed loop instead: so many users, each waiting for its answer',
  },
  think: { kind: 'duration', hint: '2s', summary: 'Pause of a user, or before the next turn (0)' },
  ramp: { kind: 'duration', hint: '10s', summary: 'Time over which users start (1s)' },
  duration: {
    kind: 'duration',
    short: 'd',
    hint: '30s',
    summary: 'How long requests are sent (30s)',
  },
  warmup: { kind: 'duration', hint: '10s', summary: 'Beginning that is not counted (0)' },
  grace: {
    kind: 'duration',
    hint: '30s',
    summary: 'How long requests in flight may go on at the end (30s)',
  },
  requests: { kind: 'text', short: 'n', hint: 'N', summary: 'Stop after so many requests' },
  seed: {
    kind: 'integer',
    summary:
      'Same seed, same requests at the same times (a new one each run, so that no cache knows the prompts)',
  },
  workload: {
    kind: 'text',
    choices: Object.keys(workloads),
    summary: 'Lengths as in a published recording, drawn anew',
  },
  'input-tokens': {
    kind: 'text',
    short: 'i',
    hint: 'LENGTH',
    summary:
      '128, uniform:min=1,max=9, lognormal:median=500,sigma=0.8, empirical:values=10/20 (128)',
  },
  'output-tokens': {
    kind: 'text',
    short: 'o',
    hint: 'LENGTH',
    summary: 'The same for answers (64)',
  },
  'exact-tokens': {
    kind: 'boolean',
    summary: "Measure the server's tokeniser first, so that prompts have the tokens asked for",
  },
  'shared-prefix': {
    kind: 'text',
    hint: 'groups=N,tokens=N',
    summary: 'Beginnings that requests share',
  },
  turns: { kind: 'integer', hint: 'N', summary: 'Requests of a conversation (1)' },
  sessions: {
    kind: 'text',
    hint: 'FILE',
    summary:
      'Recorded conversations or agents: OpenTelemetry spans, agent logs, calls of your own; a rate is then of sessions',
  },
  answers: {
    kind: 'text',
    choices: ['recorded', 'live'],
    summary: 'What a session carries on with where the recording has answers (recorded)',
  },
  images: {
    kind: 'text',
    hint: 'N[:WIDTHxHEIGHT]',
    summary: 'Pictures in every prompt, none like another (512x512)',
  },
  'tool-results': {
    kind: 'text',
    hint: 'N[:LENGTH]',
    summary: 'Results of tools after every prompt, with their tokens (200)',
  },
  dataset: { kind: 'text', hint: 'FILE', summary: 'Prompts from JSONL or CSV' },
  trace: {
    kind: 'text',
    hint: 'FILE',
    summary: 'Times and lengths from JSONL or CSV (with --arrivals trace)',
  },
  clients: {
    kind: 'text',
    hint: 'FILE',
    summary:
      'Clients with their rates and bursts, for --arrivals clients (ServeGen, or columns client, rate, cv)',
  },
  'rate-curve': {
    kind: 'text',
    hint: 'FILE',
    summary: 'Rate of all --clients over time: columns t_s, rate_rps',
  },
  'trace-from': { kind: 'duration', hint: '10m', summary: 'Start within the trace (0)' },
  'trace-to': { kind: 'duration', hint: '20m', summary: 'End within the trace' },
  columns: {
    kind: 'text',
    hint: 'ROLE=COLUMN,…',
    summary: 'time, input, output, blocks, unit (s, ms) of a trace; prompt, system of a dataset',
  },
  'no-stream': { kind: 'boolean', summary: 'Ask for whole answers' },
  'ignore-eos': { kind: 'boolean', summary: 'Ask for exactly as many tokens as drawn' },
  temperature: { kind: 'text', hint: 'NUMBER', summary: "Sampling temperature (the server's)" },
  body: { kind: 'text', hint: 'JSON', summary: 'Added to every request body' },
  'no-done': { kind: 'boolean', summary: 'The server ends streams without [DONE]' },
  slo: {
    kind: 'text',
    hint: 'ttft=2s,tpot=100ms,e2e=…,stall=…',
    summary: `Limits of a good request, or one of ${Object.keys(sloPresets).join(', ')}`,
  },
  'connect-timeout': {
    kind: 'duration',
    hint: '10s',
    summary: 'Longest wait for a connection (10s)',
  },
  'ttft-timeout': {
    kind: 'duration',
    hint: '2m',
    summary: 'Longest wait for the first token (2m)',
  },
  'stall-timeout': { kind: 'duration', hint: '1m', summary: 'Longest gap in a stream (1m)' },
  'total-timeout': { kind: 'duration', hint: '10m', summary: 'Longest request (10m)' },
  'in-flight': {
    kind: 'integer',
    hint: 'N',
    summary: 'Shed above so many at once (20000); never waits',
  },
  'max-tokens': { kind: 'text', hint: 'N', summary: 'Stop before the run uses more tokens' },
  'max-cost': {
    kind: 'text',
    hint: 'AMOUNT',
    summary: 'Stop before the run costs more (with --price)',
  },
  price: { kind: 'text', hint: 'INPUT,OUTPUT', summary: 'Price of a million tokens' },
  workers: { kind: 'integer', hint: 'N', summary: 'Driver threads (1)' },
} as const satisfies Flags

export type SpecFlags = FlagValues<typeof specFlags>

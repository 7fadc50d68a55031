import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'

export interface Task {
  /** With its `/v1`. */
  readonly url: string
  readonly ratePerS: number
  readonly durationS: number
  readonly tokens: number
  /** A folder with a tokenizer in the format of Hugging Face: most of them count tokens themselves. */
  readonly tokenizer: string
  /** An empty folder for what the tool writes. */
  readonly out: string
}

/** In milliseconds; null: the tool has no such figure. */
export interface Figure {
  readonly p50: number
  readonly p90: number
}
export interface Findings {
  readonly requests: number
  readonly ttftMs: Figure | null
  readonly tpotMs: Figure | null
  readonly e2eMs: Figure | null
}

export interface Tool {
  readonly name: string
  /** Below the folder of the tools. */
  readonly program: string
  readonly version: readonly string[]
  readonly command: (task: Task) => readonly string[]
  readonly env?: (task: Task) => Record<string, string>
  readonly read: (task: Task, stdout: string) => Findings
}

const json = (path: string): any => JSON.parse(readFileSync(path, 'utf8'))
const root = (url: string): string => url.replace(/\/v1$/, '')
const body = (tokens: number): string =>
  JSON.stringify({
    model: 'mock',
    messages: [{ role: 'user', content: 'the of and to in is that for' }],
    max_tokens: tokens,
    stream: true,
    stream_options: { include_usage: true },
  })
/** The one file below a folder whose name ends like this. */
function find(folder: string, end: string): string {
  const names = readdirSync(folder, { recursive: true }) as string[]
  const found = names.find((name) => name.endsWith(end))
  if (found === undefined) throw new Error(`no ${end} in ${names.join(', ')}`)
  return join(folder, found)
}
const scaled = (values: Figure, factor: number): Figure => ({
  p50: values.p50 * factor,
  p90: values.p90 * factor,
})

/** What `vllm bench serve` does, without the imports of the server, which needs a GPU's libraries. */
const vllmClient = `
from vllm.benchmarks.serve import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser
parser = FlexibleArgumentParser()
add_cli_args(parser)
main(parser.parse_args())
`

/** Each of them told to do the same, in the way its own documentation shows. */
export const tools: readonly Tool[] = [
  {
    name: 'vLLM bench serve',
    program: 'v-vllm/bin/python',
    version: ['-c', 'import importlib.metadata as m; print(m.version("vllm"))'],
    command: ({ url, ratePerS, durationS, tokens, tokenizer, out }) => [
      '-c',
      vllmClient,
      '--backend=openai-chat',
      `--base-url=${root(url)}`,
      '--endpoint=/v1/chat/completions',
      '--model=mock',
      `--tokenizer=${tokenizer}`,
      '--dataset-name=random',
      '--random-input-len=8',
      `--random-output-len=${tokens}`,
      `--num-prompts=${ratePerS * durationS}`,
      `--request-rate=${ratePerS}`,
      '--percentile-metrics=ttft,tpot,itl,e2el',
      '--metric-percentiles=50,90',
      '--save-result',
      `--result-dir=${out}`,
      '--result-filename=vllm.json',
    ],
    read({ out }) {
      const result = json(join(out, 'vllm.json'))
      const figure = (name: string) => ({
        p50: result[`p50_${name}_ms`],
        p90: result[`p90_${name}_ms`],
      })
      return {
        requests: result.completed,
        ttftMs: figure('ttft'),
        tpotMs: figure('tpot'),
        e2eMs: figure('e2el'),
      }
    },
  },
  {
    name: 'GuideLLM',
    program: 'v-guidellm/bin/guidellm',
    version: ['--version'],
    command: ({ url, ratePerS, durationS, tokens, tokenizer, out }) => [
      'run',
      `--backend=kind=openai_http,target=${root(url)},model=mock`,
      `--profile=kind=poisson,rate=${ratePerS}`,
      `--constraint=kind=max_requests,count=${ratePerS * durationS}`,
      `--data=kind=synthetic_text,prompt_tokens=8,output_tokens=${tokens}`,
      `--tokenizer=kind=huggingface_auto,model=${tokenizer}`,
      `--output=kind=json,path=${join(out, 'guidellm.json')}`,
      '--disable-console',
    ],
    read({ out }) {
      const { metrics } = json(join(out, 'guidellm.json')).benchmarks[0]
      const figure = (name: string) => metrics[name].successful.percentiles as Figure
      return {
        requests: metrics.time_to_first_token_ms.successful.count,
        ttftMs: figure('time_to_first_token_ms'),
        tpotMs: figure('inter_token_latency_ms'),
        e2eMs: scaled(figure('request_latency'), 1000),
      }
    },
  },
  {
    name: 'AIPerf',
    program: 'v-aiperf/bin/aiperf',
    version: ['--version'],
    command: ({ url, ratePerS, durationS, tokens, out }) => [
      'profile',
      '--model=mock',
      `--url=${root(url)}`,
      '--endpoint-type=chat',
      '--streaming',
      `--request-rate=${ratePerS}`,
      '--arrival-pattern=poisson',
      `--request-count=${ratePerS * durationS}`,
      // It takes no folder: README.md says how to put the tokenizer into the hub's cache.
      '--tokenizer=local/tokenizer',
      '--synthetic-input-tokens-mean=8',
      `--output-tokens-mean=${tokens}`,
      '--use-server-token-count',
      '--ui=none',
      `--artifact-dir=${out}`,
    ],
    read({ out }) {
      const result = json(find(out, 'profile_export_aiperf.json'))
      const figure = (name: string) => ({ p50: result[name].p50, p90: result[name].p90 })
      return {
        requests: result.request_count.avg,
        ttftMs: figure('time_to_first_token'),
        tpotMs: figure('inter_token_latency'),
        e2eMs: figure('request_latency'),
      }
    },
  },
  {
    name: 'inference-perf',
    program: 'v-inference-perf/bin/inference-perf',
    version: ['-c'],
    command: (task) => {
      const path = join(task.out, 'config.yml')
      writeFileSync(
        path,
        stringify({
          api: { type: 'chat', streaming: true },
          server: { type: 'vllm', model_name: 'mock', base_url: root(task.url), ignore_eos: true },
          tokenizer: { pretrained_model_name_or_path: task.tokenizer },
          data: {
            // Its other prompts are for completions only.
            type: 'shared_prefix',
            shared_prefix: {
              num_groups: 1,
              num_prompts_per_group: 200,
              system_prompt_len: 4,
              question_len: 4,
              output_len: task.tokens,
            },
          },
          load: {
            type: 'poisson',
            stages: [{ rate: task.ratePerS, duration: task.durationS }],
          },
          report: {
            // As the others do: what the server says, not what this tokenizer makes of the text.
            request_lifecycle: { summary: true, per_stage: false, use_server_output_tokens: true },
          },
          storage: { local_storage: { path: join(task.out, 'report') } },
        }),
      )
      return ['--config_file', path]
    },
    read({ out }) {
      const result = json(find(out, 'summary_lifecycle_metrics.json'))
      const { latency } = result.successes
      const figure = (name: string) =>
        scaled({ p50: latency[name].median ?? latency[name].p50, p90: latency[name].p90 }, 1000)
      return {
        requests: result.successes.count,
        ttftMs: figure('time_to_first_token'),
        tpotMs: figure('time_per_output_token'),
        e2eMs: figure('request_latency'),
      }
    },
  },
  {
    name: 'oha',
    program: 'bin/oha',
    version: ['--version'],
    command: ({ url, ratePerS, durationS, tokens }) => [
      '-n',
      String(ratePerS * durationS),
      '-q',
      String(ratePerS),
      '-c',
      '200',
      '--latency-correction',
      '--no-tui',
      '--output-format=json',
      '-m',
      'POST',
      '-T',
      'application/json',
      '-d',
      body(tokens),
      `${url}/chat/completions`,
    ],
    read(_, stdout) {
      const result = JSON.parse(stdout)
      const { latencyPercentiles, firstBytePercentiles } = result
      return {
        requests: Object.values(result.statusCodeDistribution as Record<string, number>).reduce(
          (sum, count) => sum + count,
          0,
        ),
        // Its closest: the first byte of the answer.
        ttftMs: scaled(firstBytePercentiles, 1000),
        tpotMs: null,
        e2eMs: scaled(latencyPercentiles, 1000),
      }
    },
  },
  {
    name: 'k6',
    program: 'bin/k6',
    version: ['version'],
    command: ({ out }) => [
      'run',
      '--quiet',
      '--no-usage-report',
      `--summary-export=${join(out, 'k6.json')}`,
      join(import.meta.dirname, 'k6.js'),
    ],
    env: ({ url, ratePerS, durationS, tokens }) => ({
      URL: url,
      RATE: String(ratePerS),
      SECONDS: String(durationS),
      BODY: body(tokens),
    }),
    read({ out }) {
      const { metrics } = json(join(out, 'k6.json'))
      const figure = (name: string) => ({ p50: metrics[name].med, p90: metrics[name]['p(90)'] })
      return {
        requests: metrics.http_reqs.count,
        // Its closest: the first byte of the answer.
        ttftMs: figure('http_req_waiting'),
        tpotMs: null,
        e2eMs: figure('http_req_duration'),
      }
    },
  },
]

import type { Said } from '../table/flat-settings.ts'
import { createEngine } from '../table/create-engine.ts'
import { cant, type Rule, spelling, toggle, variable } from '../table/rule.ts'

/** A directory that Ollama has filled; a file is one model. */
const isStore = (path: string): boolean => path.startsWith('/') && !/\.gguf$/i.test(path)

/** Ollama 0.33: everything is a variable (envconfig/config.go), models come from its own store by name. */
const rules: readonly Rule[] = [
  variable('contextTokens', 'OLLAMA_CONTEXT_LENGTH'),
  variable('sequencesMax', 'OLLAMA_NUM_PARALLEL'),
  variable('queueMax', 'OLLAMA_MAX_QUEUE'),
  variable('gpu', 'CUDA_VISIBLE_DEVICES', () => '-1'),
  variable(
    'kvPrecision',
    'OLLAMA_KV_CACHE_TYPE',
    spelling<Said<'kvPrecision'>>(
      { fp16: 'f16', bf16: 'f16', int8: 'q8_0', int4: 'q4_0' },
      'Ollama keeps KV in fp16, int8 or int4',
    ),
  ),
  variable('pipelineParallel', 'OLLAMA_SCHED_SPREAD', (stages) => (stages > 1 ? '1' : '0')),
  toggle('prefixCaching', null, cant('Ollama always reuses prefixes')),
  toggle('chunkedPrefill', null, cant('Ollama always takes prompts in pieces')),
]

/**
 * A server that then makes the model, under the name that clients write: of a GGUF file, or of what its store has, fetched
 * where it has not. The program is `$0`, so that the config can name another one.
 */
const serveAndMake = `
"$0" serve & server=$!
trap 'kill -TERM $server 2>/dev/null' TERM INT
until "$0" list >/dev/null 2>&1; do
  kill -0 $server 2>/dev/null || { wait $server; exit $?; }
  sleep 0.2
done
case "$1" in
  *.gguf) "$0" create "$2" -f "$3" ;;
  *)
    { "$0" show "$1" >/dev/null 2>&1 || "$0" pull "$1"; } &&
      { [ "$1" = "$2" ] || "$0" cp "$1" "$2"; } ;;
esac || { kill -TERM $server; wait $server; exit 1; }
while kill -0 $server 2>/dev/null; do wait $server; code=$?; done
exit $code
`.trim()

export const ollamaEngine = createEngine({
  name: 'ollama',
  about: 'Ollama',
  tasks: ['generate', 'embed'],
  newestVersion: '0.33.0',
  images: { amd: 'ollama/ollama:{version}-rocm', any: 'ollama/ollama:{version}' },
  command: ({ spec, servedName, settings }) => ({
    argv: [
      'sh',
      '-c',
      serveAndMake,
      'ollama',
      isStore(spec.modelPath) ? servedName : spec.modelPath,
      servedName,
      '{files}/Modelfile',
    ],
    files: { Modelfile: `FROM ${spec.modelPath}\n` },
    isWhole: true,
    env: {
      OLLAMA_HOST: `${spec.host}:${spec.port}`,
      // One engine, one model, always in memory: what deploys here decides what runs.
      OLLAMA_MAX_LOADED_MODELS: '1',
      OLLAMA_KEEP_ALIVE: '-1',
      OLLAMA_NO_CLOUD: '1',
      ...(settings.kvPrecision === 'auto' ? {} : { OLLAMA_FLASH_ATTENTION: '1' }),
      ...(isStore(spec.modelPath) ? { OLLAMA_MODELS: spec.modelPath } : {}),
    },
    warnings: isStore(spec.modelPath)
      ? [`model: the store ${spec.modelPath} has to hold ${servedName}`]
      : [],
  }),
  rules,
  dividesItself: true,
  why: {
    batchTokens: 'set num_batch in the model (Modelfile)',
    'offload.deviceLayers': 'set num_gpu in the model (Modelfile)',
    weightPrecision: 'the model decides it: name a tag such as …:q8_0',
    memoryShare: 'Ollama leaves a margin: environment OLLAMA_GPU_OVERHEAD',
  },
  takesArguments: false,
  // It serves before the model is there.
  health: {
    path: ({ servedName }) => `/v1/models/${servedName}`,
    loading: [404, 503],
    read: (status) =>
      status === 404 ? { state: 'loading', reason: 'the model is being made' } : null,
  },
  // It has no metrics: the gateway's own count.
  metricsPath: null,
  signals: {},
  failures: [
    {
      pattern: /model requires more system memory \(([^)]+)\) than is available \(([^)]+)\)/,
      code: 'engine/out-of-memory',
      message: 'the model needs $1, and $2 are free',
      mend: 'Lower settings.contextTokens, or take a smaller model or quantisation.',
    },
    {
      pattern: /pull model manifest: ([^\n]+)/,
      code: 'engine/no-model',
      message: 'it can’t fetch the model: $1',
      mend: 'Name it as Ollama’s library does and let the machine reach that, or name a GGUF file.',
    },
    {
      pattern: /model (?:'|")?([^'"\n]+?)(?:'|")? not found/,
      code: 'engine/no-model',
      message: 'Ollama has no model $1',
      mend: 'Pull it first: `ollama pull $1`.',
    },
  ],
  // Streams are closed at once.
  drain: { timeoutS: 30, extraS: 5, how: () => 'before' },
  caches: ['/root/.ollama'],
})

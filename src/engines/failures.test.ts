import { describe, expect, it } from 'vitest'
import { findEngine } from './index.ts'

/** Last lines of logs as users of the engines have shown them, shortened. */
const logs: readonly {
  readonly engine: string
  readonly says: string
  readonly log: string
  readonly exitCode?: number | null
}[] = [
  {
    engine: 'vllm',
    says: 'engine/no-kv-room: 262144 tokens; contextTokens to 34736',
    log: `(EngineCore_DP0 pid=1094) ValueError: To serve at least one request with the models's max seq len (262144), (24.0 GiB KV cache is needed, which is larger than the available KV cache memory (3.18 GiB). Based on the available memory, the estimated maximum model length is 34736. Try increasing \`gpu_memory_utilization\` or decreasing \`max_model_len\` when initializing the engine.
Traceback (most recent call last):
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}`,
  },
  {
    engine: 'vllm',
    says: 'engine/no-kv-room: 1048576 tokens; contextTokens to 810208',
    log: `ValueError: To serve at least one request with the model's max seq len (1048576),
22.5 GiB KV cache is needed, which is larger than the available KV cache memory (17.39 GiB).
Based on the available memory, the estimated maximum model length is 810208.`,
  },
  {
    engine: 'vllm',
    says: 'engine/no-kv-room: 8192 tokens; contextTokens to 4512',
    log: "ValueError: The model's max seq len (8192) is larger than the maximum number of tokens that can be stored in KV cache (4512). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
  },
  {
    engine: 'vllm',
    says: 'engine/out-of-memory: 20.1; memoryShare',
    log: 'ValueError: Free memory on device cuda:0 (20.1/79.1 GiB) on startup is less than desired GPU memory utilization (0.92, 72.8 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.',
  },
  {
    engine: 'vllm',
    says: 'engine/out-of-memory: too little memory; tensorParallel',
    log: '\u001B[1;36m(Worker pid=12)\u001B[0;0m torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.64 GiB of which 1.19 GiB is free.',
  },
  {
    engine: 'vllm',
    says: 'engine/bad-argument: --swap-space; engineVersion',
    log: 'usage: vllm serve [model_tag] [options]\nvllm: error: unrecognized arguments: --swap-space 4',
  },
  {
    engine: 'vllm',
    says: 'engine/bad-argument: 40 attention heads; divides 40',
    log: 'ValueError: Total number of attention heads (40) must be divisible by tensor parallel size (3).',
  },
  {
    engine: 'vllm',
    says: 'engine/bad-argument: 32768 tokens, and 40000; contextTokens to 32768',
    log: "  Value error, User-specified max_model_len (40000) is greater than the derived max_model_len (max_position_embeddings=32768.0 or model_max_length=None in model's config.json). To allow overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1.",
  },
  {
    engine: 'vllm',
    says: 'engine/no-model: not where it was told; ',
    log: "    raise OSError(f\"{e}\") from e\nOSError: Repo id must be in the form 'repo_name' or 'namespace/repo_name': '/models/nowhere'. Use `repo_type` argument if needed.",
  },
  {
    engine: 'vllm',
    says: 'engine/no-model: hub can’t be reached; directory',
    log: "huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the file on the Hub and we cannot find the requested files in the local cache.\nOSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.",
  },
  {
    engine: 'vllm',
    says: 'engine/out-of-memory: 15.49 of 23.54 GiB; VLLM_CPU_KVCACHE_SPACE',
    log: '(EngineCore pid=7) ValueError: Available memory on node 0 (15.49/23.54 GiB) on kv cache allocation is less than requested memory for kv (64.0 GiB). Decrease --kv-cache-memory-bytes, VLLM_CPU_KVCACHE_SPACE, or reduce CPU memory used by other processes.',
  },
  {
    engine: 'vllm',
    says: 'engine/no-kv-room: 0.24 GiB; memoryShare',
    log: "RuntimeError: Worker failed with error 'Available memory on node 0 (13.99/23.54 GiB) on kv cache allocation is less than requested memory for kv (-0.76/0.24 GiB). Reduce CPU memory used by other processes.', please check the stack trace above for the root cause",
  },
  {
    engine: 'vllm',
    says: 'engine/bad-argument: no 2 memory nodes; settings.threads',
    log: 'AssertionError: Not enough allowed NUMA nodes to bind threads of 2 local CPUWorkers. Allowed NUMA nodes are [0]. Please try to bind threads manually or decrease DP/TP/PP.',
  },
  {
    engine: 'ollama',
    says: 'engine/no-model: no such host; GGUF file',
    log: 'pulling manifest \nError: pull model manifest: Get "https://registry.ollama.ai/v2/library/llama3.2/manifests/1b": dial tcp: lookup registry.ollama.ai: no such host',
  },
  {
    engine: 'vllm',
    says: 'engine/no-access: does not let it; HF_TOKEN',
    log: 'huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-6)\nCannot access gated repo for url https://huggingface.co/meta-llama/Llama-3.1-8B/resolve/main/config.json.',
  },
  {
    engine: 'vllm',
    says: 'engine/unsupported-precision: compute capability; fp16',
    log: 'ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has compute capability 7.5. You can use float16 instead by explicitly setting the `dtype` flag in CLI, for example: --dtype=half.',
  },
  {
    engine: 'vllm',
    says: 'engine/unsupported-model: Glm9ForCausalLM; newer version',
    log: "ValueError: Model architectures ['Glm9ForCausalLM'] are not supported for now. Supported architectures: dict_keys(['AquilaModel'])",
  },
  {
    engine: 'vllm',
    says: 'engine/driver: older; GPU driver',
    log: 'RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver',
  },
  {
    engine: 'vllm',
    says: 'machine/port-busy: taken; port',
    log: "OSError: [Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use",
  },
  {
    engine: 'vllm',
    says: 'engine/bad-environment: VLLM_PORT; enableServiceLinks',
    log: "ValueError: VLLM_PORT 'tcp://10.96.0.7:80' appears to be a URI. This may be caused by a Kubernetes service discovery issue",
  },
  {
    engine: 'sglang',
    says: 'engine/no-kv-room: no memory for KV; memoryShare',
    log: 'RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: self.server_args.mem_fraction_static=0.2',
  },
  {
    engine: 'sglang',
    says: 'engine/out-of-memory: capturing graphs; compileLevel',
    log: 'Exception: Capture cuda graph failed: CUDA out of memory. Tried to allocate 76.00 MiB.\nPossible solutions:\n1. set --mem-fraction-static to a smaller value',
  },
  {
    engine: 'llama-server',
    says: 'engine/out-of-memory: 144817.04 MiB; deviceLayers',
    log: `ggml_backend_cuda_buffer_type_alloc_buffer: allocating 144817.04 MiB on device 0: cudaMalloc failed: out of memory
alloc_tensor_range: failed to allocate CUDA0 buffer of size 151851674624
llama_model_load: error loading model: unable to allocate CUDA0 buffer`,
  },
  {
    engine: 'llama-server',
    says: 'engine/bad-argument: --no-such-flag; engines.md',
    log: 'error: invalid argument: --no-such-flag=3',
  },
  {
    engine: 'tgi',
    says: 'engine/no-kv-room: 256 tokens; batchTokens',
    log: 'ERROR warmup{max_input_length=64 max_prefill_tokens=256}:warmup: text_generation_client: router/client/src/lib.rs:33: Server error: Not enough memory to handle 256 prefill tokens. You need to decrease `--max-batch-prefill-tokens`',
  },
  {
    engine: 'ollama',
    says: 'engine/out-of-memory: 21.5 GiB; contextTokens',
    log: 'Error: model requires more system memory (21.5 GiB) than is available (13.1 GiB)',
  },
  {
    engine: 'vllm',
    says: 'engine/killed: killed; host memory',
    log: 'Loading weights',
    exitCode: 137,
  },
  { engine: 'vllm', says: 'engine/crashed: native code; version', log: '', exitCode: 139 },
  {
    engine: 'embedded',
    says: 'engine/bad-model: magic; file',
    log: '{"level":30}\nengine/bad-model: /m.gguf: invalid magic. Check the file: `baleen model list --check`',
  },
]

describe('an engine that ends', () => {
  it.each(logs)('$engine: $says', async ({ engine, says, log, exitCode = 1 }) => {
    const { failureText } = await import('../deployer/failure-text.ts')
    const failure = findEngine(engine).explainFailure({ exitCode, signal: null, logTail: log })
    const [code, rest = ''] = says.split(': ')
    const [message = '', mend = ''] = rest.split('; ')
    expect(failure?.code).toBe(code)
    expect(failure?.message).toContain(message)
    expect(failureText(failure!)).toContain(mend)
  })

  it.each(['vllm', 'llama-server', 'ollama'])('%s: for no reason that is known', (name) => {
    const end = { exitCode: 1, signal: null, logTail: 'INFO: started\nWARNING: all is well' }
    expect(findEngine(name).explainFailure(end)).toBeNull()
  })
})

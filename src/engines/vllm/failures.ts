import type { FailureRule } from '../table/failures.ts'

/** What vLLM says when it can't start: vllm/v1/core/kv_cache_utils.py, vllm/v1/worker/gpu_worker.py, vllm/config. */
export const vllmFailures: readonly FailureRule[] = [
  {
    pattern:
      /max seq len \((\d+)\)[\s\S]{0,200}?KV cache is needed[\s\S]{0,300}?estimated maximum model length is (\d+)/,
    code: 'engine/no-kv-room',
    message: 'one sequence of $1 tokens needs more KV memory than is left',
    mend: 'Set settings.contextTokens to $2 or less, raise settings.memoryShare, take kvPrecision: fp8, or use more devices (tensorParallel).',
  },
  {
    // Until 0.8.
    pattern:
      /max seq len \((\d+)\) is larger than the maximum number of tokens that can be stored in KV cache \((\d+)\)/,
    code: 'engine/no-kv-room',
    message: 'one sequence of $1 tokens needs more KV memory than is left',
    mend: 'Set settings.contextTokens to $2 or less, or raise settings.memoryShare.',
  },
  {
    // Where no length would fit there is no estimate.
    pattern:
      /KV cache is needed, which is larger than the available KV cache memory \(([\d.]+ GiB)\)/,
    code: 'engine/no-kv-room',
    message: 'the $1 that are left for KV hold no sequence',
  },
  {
    pattern: /No available memory for the cache blocks/,
    code: 'engine/no-kv-room',
    message: 'the weights leave no memory for KV',
  },
  {
    pattern:
      /Free memory on device \S* ?\(([\d.]+)\/([\d.]+) GiB\) on startup is less than desired GPU memory utilization \(([\d.]+)/,
    code: 'engine/out-of-memory',
    message: 'only $1 of $2 GiB are free, and a share of $3 was asked for',
    mend: 'Lower settings.memoryShare, or end what else uses the device.',
  },
  {
    // On a CPU: vllm/v1/worker/cpu_worker.py.
    pattern:
      /Available memory on node \d+ \(([\d.]+)\/([\d.]+) GiB\) on kv cache allocation is less than requested memory for kv \(([\d.]+)/,
    code: 'engine/out-of-memory',
    message: 'only $1 of $2 GiB are free, and $3 GiB for KV were asked for',
    mend: 'Lower settings.memoryShare (a share of the host’s memory on a CPU), set environment.VLLM_CPU_KVCACHE_SPACE (GiB), or end what else uses memory.',
  },
  {
    // Until 0.32 it counted below zero.
    pattern: /less than requested memory for kv \(-[\d.]+\/([\d.]+) GiB\)/,
    code: 'engine/no-kv-room',
    message: 'the $1 GiB that it may use do not hold the weights',
    mend: 'Raise settings.memoryShare; on a CPU it is a share of the host’s memory.',
  },
  {
    pattern: /Not enough allowed NUMA nodes to bind threads of (\d+) local CPUWorkers/,
    code: 'engine/bad-argument',
    message: 'the CPU has no $1 memory nodes, one for each of its processes',
    mend: 'Lower settings.tensorParallel × dataParallel, or set settings.threads, so that no thread is bound.',
  },
  {
    pattern:
      /The worker already uses ([\d.]+) GiB[^\n]*?more than the ([\d.]+) GiB of CPU memory reserved for it[\s\S]*?to more than ([\d.]+)/,
    code: 'engine/no-kv-room',
    message: 'the weights take $1 GiB of the $2 GiB that it may use',
    mend: 'Raise settings.memoryShare above $3; on a CPU it is a share of the host’s memory.',
  },
  {
    pattern: /CUDA out of memory occurred when warming up sampler with (\d+) dummy requests/,
    code: 'engine/out-of-memory',
    message: 'warming up with $1 sequences takes more memory than is left',
    mend: 'Lower settings.sequencesMax or settings.memoryShare.',
  },
  {
    pattern:
      /max_num_batched_tokens \((\d+)\) must be greater than or equal to max_num_seqs \((\d+)\)/,
    code: 'engine/bad-argument',
    message: 'a step of $1 tokens does not hold $2 sequences',
    mend: 'Raise settings.batchTokens to $2 or lower settings.sequencesMax.',
  },
  {
    pattern:
      /User-specified max_model_len \((\d+)\) is greater than the derived max_model_len \([^)]*?(\d+)/,
    code: 'engine/bad-argument',
    message: 'the model was made for $2 tokens, and $1 were asked for',
    mend: 'Set settings.contextTokens to $2 or less.',
  },
  {
    pattern:
      /Total number of attention heads \((\d+)\) must be divisible by tensor parallel size \((\d+)\)/,
    code: 'engine/bad-argument',
    message: '$1 attention heads cannot be cut into $2 parts',
    mend: 'Choose a settings.tensorParallel that divides $1.',
  },
  {
    pattern: /LoRA rank (\d+) is greater than max_lora_rank (\d+)/,
    code: 'engine/bad-argument',
    message: 'an adapter has the rank $1, and room is made for $2',
    mend: 'Set settings.lora.rankMax to $1.',
  },
  {
    pattern: /Loading lora (\S+) failed: No adapter found for ([^\n]+)/,
    code: 'engine/no-model',
    message: 'there is no adapter at $2, where $1 was told to be',
    mend: 'Correct settings.lora.adapters, or put adapter_config.json and its weights there.',
  },
  {
    pattern: /World size \((\d+)\) is larger than the number of available GPUs \((\d+)\)/,
    code: 'engine/no-device',
    message: 'it wants $1 GPUs and sees $2',
    mend: 'Lower settings.tensorParallel × pipelineParallel, or give it more devices.',
  },
  {
    pattern:
      /invalid literal for int\(\) with base 10: 'tcp:\/\/|VLLM_PORT '[^']*' appears to be a URI/,
    code: 'engine/bad-environment',
    message: 'a Kubernetes Service named vllm put its address into VLLM_PORT',
    mend: 'Rename that Service, or set enableServiceLinks: false.',
  },
]

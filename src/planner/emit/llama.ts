import type { Vendor } from '../accelerator.ts'
import { burdenFlags, burdenNotes } from './burden-flags.ts'
import { anyHost, type Command, type Emission, isPath } from './emission.ts'

const quantisations: Readonly<Record<string, string>> = {
  bf16: 'BF16',
  int8: 'Q8_0',
  int4: 'Q4_K_M',
  mxfp4: 'MXFP4',
}

const builds: Readonly<Partial<Record<Vendor, string>>> = {
  nvidia: '-cuda',
  amd: '-rocm',
  intel: '-intel',
}

/** Flags of `llama-server`: `--ctx-size` is of all slots together. */
export function llamaCommand(emission: Emission): Command {
  const { settings, source, device } = emission
  const borne = burdenFlags('llama', emission)
  const wanted = quantisations[settings.weights] ?? 'BF16'
  const { speculative } = settings
  const isFile = /\.gguf$/i.test(source) || isPath(source)
  return {
    argv: [
      'llama-server',
      ...(isFile ? ['-m', source] : ['-hf', `${source}:${wanted}`]),
      '--host',
      anyHost,
      '--port',
      '8080',
      '--ctx-size',
      String(settings.contextMax * settings.maxSequences),
      '--parallel',
      String(settings.maxSequences),
      '--ubatch-size',
      String(settings.batchedTokens),
      '--batch-size',
      String(Math.max(2048, settings.batchedTokens)),
      ...(settings.pipelineParallel > 1 ? ['--split-mode', 'layer'] : []),
      ...(device.vendor === 'cpu' ? ['-ngl', '0'] : borne.includes('-ngl') ? [] : ['-ngl', 'all']),
      ...borne,
      ...(speculative === 'off' || speculative.model === null
        ? []
        : [
            '--spec-type',
            'draft-simple',
            isPath(speculative.model) ? '--spec-draft-model' : '--spec-draft-hf',
            speculative.model,
            '--spec-draft-n-max',
            String(speculative.tokens),
          ]),
      ...(emission.model.kind === 'encoder' ? ['--embeddings'] : []),
      '--metrics',
    ],
    image: `ghcr.io/ggml-org/llama.cpp:server${builds[device.vendor] ?? ''}`,
    port: 8080,
    notes: [
      ...burdenNotes(emission),
      ...(isFile ? [] : [`${source} has to be a repository of GGUF files with ${wanted}`]),
      ...(speculative === 'off' || speculative.model === null || isPath(speculative.model)
        ? []
        : [`${speculative.model} has to be a repository of GGUF files`]),
    ],
    files: {},
  }
}

import { baleenDeployments } from './baleen.ts'
import { anyHost, type Command, type Emission, shellWord } from './emission.ts'
import { kubernetesManifest } from './kubernetes.ts'
import { llamaCommand } from './llama.ts'
import { rayConfig } from './ray.ts'
import { sglangCommand } from './sglang.ts'
import { trtllmCommand } from './trtllm.ts'
import { vllmCommand } from './vllm.ts'

/** Forms that a plan can be written in. */
export const emitFormats = [
  'vllm',
  'sglang',
  'trtllm',
  'llama',
  'ray',
  'kubernetes',
  'baleen',
] as const
export type EmitFormat = (typeof emitFormats)[number]

/** The engine that a form is made for; null where any will do. */
export const engineOfFormat = (format: EmitFormat): string | null =>
  format === 'kubernetes' || format === 'baleen' ? null : format === 'ray' ? 'vllm' : format

/** The text of a plan in a form: a script, a manifest or a config file. */
export function emit(format: EmitFormat, emission: Emission): string {
  if (format === 'ray') return rayConfig(emission)
  if (format === 'baleen') return baleenDeployments(emission)
  if (format === 'kubernetes')
    return kubernetesManifest(emission, commandOf(emission.settings.engine, emission))
  return script(commandOf(format, emission), emission)
}

/** Both sides of a plan that keeps prompts and decoding apart: each as it is written alone. */
export function emitApart(format: EmitFormat, prefill: Emission, decode: Emission): string {
  if (format === 'baleen')
    return baleenDeployments({ ...prefill, role: 'prefill' }, { ...decode, role: 'decode' })
  return [
    `# Prompts: ${prefill.settings.replicas} of these.`,
    emit(format, { ...prefill, role: 'prefill' }).trimEnd(),
    format === 'kubernetes' ? '---' : scissors,
    `# Decoding: ${decode.settings.replicas} of these. A router sends each request to both (--emit baleen: the gateway does).`,
    emit(format, { ...decode, role: 'decode' }),
  ].join('\n')
}

const scissors =
  '\n# ---- cut here: what follows is a script of its own, on devices of its own ----\n'

const commands: Readonly<Record<string, (emission: Emission) => Command>> = {
  vllm: vllmCommand,
  sglang: sglangCommand,
  trtllm: trtllmCommand,
  llama: llamaCommand,
  // What it is made of, with a server around it that has an image.
  embedded: llamaCommand,
}

const commandOf = (engine: string, emission: Emission): Command =>
  (commands[engine] ?? vllmCommand)(emission)

const ownHost = '"${HOST:-127.0.0.1}"'

function script(command: Command, { settings }: Emission): string {
  const files = Object.entries(command.files).flatMap(([path, text]) => [
    `cat > ${path} <<'END'`,
    text.trimEnd(),
    'END',
  ])
  const channel = command.channel
    ? [
        `export ${command.channel.hostVariable}=${ownHost} ${command.channel.portVariable}=${command.channel.port}`,
      ]
    : []
  // A flag starts a line, with its value beside it.
  const lines = command.argv.reduce<string[]>((found, word) => {
    const last = found.at(-1)
    if (last === undefined || (word.startsWith('-') && !/^-\d/.test(word)))
      found.push(shellWord(word))
    else found[found.length - 1] = `${last} ${word === anyHost ? ownHost : shellWord(word)}`
    return found
  }, [])
  const copies =
    settings.replicas > 1
      ? [`# ${settings.replicas} of these, each on devices of its own, behind one route.`]
      : []
  return [
    '#!/bin/sh',
    ...command.notes.map((note) => `# ${note}`),
    ...copies,
    '# It listens for this machine alone; HOST=0.0.0.0 lets others in, without a key.',
    ...files,
    ...channel,
    `exec ${lines.join(' \\\n  ')}`,
    '',
  ].join('\n')
}

import { AppError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import { defineCommand, usageError } from '../command.ts'
import {
  connect,
  connectionFlags,
  dataDirectory,
  readRecord,
  type ConnectionFlags,
} from '../connection.ts'
import type { ControlClient } from '../control-client.ts'
import { routeOf } from '../deployment-table.ts'
import type { Io } from '../io.ts'
import { makeTemporaryKey } from '../temporary-key.ts'

/** A model that is loading holds the request that long, and a bit. */
const answerTimeoutMs = 120_000

export const chat = defineCommand({
  name: 'chat',
  summary: 'Talk to a model',
  details:
    'With a prompt, or something piped in, it answers once; else it starts a conversation. A first word that is the name of a model is that. Without an API key it makes one for as long as it runs. A lone - in a prompt stands for what is piped in.',
  examples: [
    'chat',
    'chat "What is a whale?"',
    'chat minimind2-small',
    'chat -m minimind2-small "What is a whale?"',
    'chat -m minimind2-small "Sum this up:" - < notes.txt',
  ],
  positionals: [
    {
      name: 'words',
      summary: 'MODEL, the prompt, or both',
      isOptional: true,
      repeats: true,
      completes: 'deployment',
    },
  ],
  flags: {
    model: { kind: 'text', short: 'm', summary: 'Model to talk to (the first one)' },
    system: {
      kind: 'text',
      short: 's',
      hint: 'TEXT',
      summary: 'What the model shall be told first',
    },
    key: { kind: 'text', hint: 'KEY', summary: 'API key (BALEEN_API_KEY)' },
    gateway: { kind: 'text', hint: 'URL', summary: "The gateway (this machine's)" },
    ...connectionFlags,
  },
  async run({ flags, positionals, io, output }) {
    // Control is needed only for what was not given.
    let known: ControlClient | null = null
    const control = async () => (known ??= await connect(flags, io))
    const [first = '', ...others] = positionals.words
    const isFirstModel =
      flags.model === undefined &&
      /^[^-\s]\S*$/.test(first) &&
      (flags.gateway !== undefined || (await isModel(first, await control())))
    const named = isFirstModel ? first : flags.model
    const prompt = await promptFrom(isFirstModel ? others : positionals.words, io)
    if (prompt === '' && !io.stdin.isTTY) throw usageError('there is no prompt')
    const model = named ?? (await firstModel(await control()))
    const url = flags.gateway ?? (await gatewayUrl(flags, io, control))
    const given = flags.key ?? io.environment.apiKey
    const made =
      given === undefined ? await makeTemporaryKey('baleen chat', await control(), flags, io) : null
    const { askOnce, converse } = await import('../chat-session.ts')
    const session = {
      gateway: {
        url: url.replace(/(\/v1)?\/?$/, ''),
        key: given ?? made?.key ?? '',
        isFresh: made !== null,
        timeoutMs: flags.timeout ?? answerTimeoutMs,
      },
      model,
      system: flags.system,
      io,
      output,
    }
    try {
      await (prompt === '' ? converse(session) : askOnce(session, prompt))
    } finally {
      await made?.remove()
    }
  },
})

async function gatewayUrl(
  flags: ConnectionFlags,
  io: Io,
  control: () => Promise<ControlClient>,
): Promise<string> {
  const isElsewhere = flags.url !== undefined || io.environment.url !== undefined
  const local = isElsewhere ? null : readRecord(await dataDirectory(flags, io), 'supervisor')
  return local?.url ?? (await (await control()).status()).gatewayUrl
}

async function firstModel(control: ControlClient): Promise<string> {
  const deployments = await control.deployments()
  const found = deployments.find(({ spec }) => spec.task === 'generate' && spec.replicas > 0)
  if (found) return routeOf(found)
  throw new AppError('deployment/not-found', {
    message: 'no model to talk to is deployed',
    hint: '`baleen deploy MODEL` starts one.',
  })
}

/** Whether a word names a model. Error: it nearly does, so it is hardly a prompt. */
async function isModel(word: string, control: ControlClient): Promise<boolean> {
  const models = (await control.deployments()).flatMap((one) => [
    routeOf(one),
    ...one.spec.settings.lora.adapters.map(({ name }) => name),
  ])
  if (models.includes(word)) return true
  const meant = nearest(word, models)
  if (meant === null) return false
  throw new AppError('deployment/not-found', {
    message: `there is no model "${word}"`,
    hint: `Did you mean ${meant}? A prompt that looks like a name needs --model.`,
  })
}

/** Empty: a conversation. Stdin is read only where that is meant: a pipe that never ends must not hold a prompt up. */
async function promptFrom(words: readonly string[], io: Io): Promise<string> {
  const typed = words.filter((word) => word !== '-').join(' ')
  const isPiped = words.includes('-') || (typed === '' && !io.stdin.isTTY)
  return [typed, isPiped ? await readAll(io) : '']
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .join('\n\n')
}

async function readAll(io: Io): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

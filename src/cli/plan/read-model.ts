import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { readGguf } from '../../models/gguf/header.ts'
import { readGgufMetadata } from '../../planner/formats/gguf-metadata.ts'
import { readHfConfig } from '../../planner/formats/hf-config.ts'
import { readSafetensorsHeader } from '../../planner/formats/safetensors-header.ts'
import type { ModelFacts } from '../../planner/model-facts.ts'
import { resolveModel, suggestModels } from '../../planner/models/resolve-model.ts'

/** A model's facts, and what an engine is told to load. */
export interface NamedModel {
  readonly facts: ModelFacts
  readonly source: string
  /** A file that only engines on llama.cpp take. */
  readonly isGguf: boolean
}

/**
 * The name of a pulled model, a directory, a GGUF, safetensors or config.json file, else a built-in name or hub id. Weights are never read. Errors:
 * `planner/bad-model`, `model/bad-file`.
 */
export async function readModel(
  name: string,
  directory: string,
  pulled: string | null = null,
): Promise<NamedModel> {
  const path = ggufIn(resolve(directory, name))
  if (existsSync(path)) return { facts: await readPath(path), source: path, isGguf: isGguf(path) }
  const entry = pulled === null ? undefined : await pulledModel(name, pulled)
  // A deployment is told the name of a pulled model.
  if (entry) return { facts: await readGgufFile(entry.path), source: entry.name, isGguf: true }
  if (isPath(name))
    throw new AppError('planner/bad-model', {
      message: `there is no file ${path}`,
      hint: 'Name a built-in model, or a directory, config.json, GGUF or safetensors file of any other.',
    })
  const facts = resolveModel(name)
  // Whoever names a repository means those weights, whatever model they were made from.
  if (facts) return { facts, source: isHubId(name) ? name : (facts.repo ?? name), isGguf: false }
  throw new AppError('planner/bad-model', {
    message: `no model "${name}" is known; nearest: ${suggestModels(name).join(', ')}`,
    hint: 'Name a built-in model, or a directory, config.json, GGUF or safetensors file of any other.',
  })
}

/** Nobody names a model of a hub so. */
const isPath = (name: string): boolean => /^(\.{0,2}|~)\/|\.(gguf|safetensors|json)$/i.test(name)

const isHubId = (name: string): boolean => /^[\w.-]+\/[\w.-]+$/.test(name)

const isGguf = (path: string): boolean => /\.gguf$/i.test(path)

/** The file that llama.cpp is told to load, where a folder has nothing else: the first of several parts. */
function ggufIn(path: string): string {
  if (!existsSync(path) || !statSync(path).isDirectory()) return path
  const names = readdirSync(path).toSorted()
  const gguf = names.includes('config.json') ? undefined : names.find(isGguf)
  return gguf === undefined ? path : join(path, gguf)
}

async function pulledModel(name: string, directory: string) {
  const { listModels } = await import('../../models/library.ts')
  return (await listModels(directory)).find((one) => one.name === name && one.problem === null)
}

async function readPath(path: string): Promise<ModelFacts> {
  if (statSync(path).isDirectory()) return readDirectory(path)
  if (/\.gguf$/i.test(path)) return readGgufFile(path)
  if (/\.safetensors$/i.test(path)) return readSafetensorsHeader(basename(path), safetensors(path))
  return readHfConfig(basename(dirname(path)), json(path, readFileSync(path, 'utf8')))
}

async function readDirectory(path: string): Promise<ModelFacts> {
  const names = readdirSync(path).toSorted()
  if (names.includes('config.json'))
    return readHfConfig(basename(path), json(path, readFileSync(join(path, 'config.json'), 'utf8')))
  const shards = names.filter((name) => /\.safetensors$/i.test(name))
  if (shards.length > 0)
    return readSafetensorsHeader(
      basename(path),
      Object.assign({}, ...shards.map((name) => safetensors(join(path, name)))),
    )
  throw new AppError('planner/bad-model', {
    message: `${path} holds no config.json, GGUF or safetensors file`,
  })
}

async function readGgufFile(path: string): Promise<ModelFacts> {
  const { architecture, metadata, tensors } = await readGguf(path)
  const tokens = metadata.get('tokenizer.ggml.tokens')
  return readGgufMetadata({
    name: basename(path),
    architecture: architecture ?? '',
    numberOf(key) {
      const value = metadata.get(key)
      return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null
    },
    vocabulary: lengthOf(tokens),
    hasOutputTensor: tensors.some(({ name }) => name === 'output.weight'),
    weightBits: weightBits(tensors),
  })
}

/** Mean bits of a weight in this file. */
function weightBits(tensors: readonly { shape: readonly number[]; bytes: number }[]): number {
  const sum = (of: (tensor: (typeof tensors)[number]) => number) =>
    tensors.reduce((total, tensor) => total + of(tensor), 0)
  const weights = sum(({ shape }) => shape.reduce((product, size) => product * size, 1))
  return (8 * sum(({ bytes }) => bytes)) / Math.max(1, weights)
}

const lengthOf = (value: unknown): number | null => {
  const length = (value as { length?: unknown } | undefined)?.length
  return typeof length === 'number' ? length : null
}

const headerBytesMax = 100 * 2 ** 20

/** The JSON at the head of the file: its length, eight bytes, then the text. */
function safetensors(path: string) {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(8)
    const read = readSync(file, head, 0, 8, 0)
    const bytes = read === 8 ? Number(head.readBigUInt64LE()) : 0
    if (bytes < 2 || bytes > headerBytesMax)
      throw new AppError('model/bad-file', { message: `${path} has no safetensors header` })
    const text = Buffer.alloc(bytes)
    readSync(file, text, 0, bytes, 8)
    return json(path, text.toString('utf8')) as Parameters<typeof readSafetensorsHeader>[1]
  } finally {
    closeSync(file)
  }
}

function json(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('planner/bad-model', { message: `${path} is no JSON`, cause })
  }
}

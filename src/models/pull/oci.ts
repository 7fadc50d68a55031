import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { formatReference, type OciReference } from '../reference.ts'
import { stemOf } from './choose-file.ts'
import { type HttpAnswer, readJson, send } from './http.ts'
import { createRegistryAccess, type RegistryLogin } from './oci-access.ts'
import { refuseStatus, type Hints } from './refuse.ts'
import { retrying } from './retry.ts'
import type { ModelSource } from './source.ts'
import type { Transfer } from './transfer.ts'

const layer = z.object({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int().min(0),
  annotations: z.record(z.string(), z.string()).nullish(),
})
const manifest = z.object({ layers: z.array(layer).min(1).max(1000) })
const index = z.object({ manifests: z.array(z.object({ digest: z.string() })).min(1) })
type Layer = z.infer<typeof layer>

const manifestBytesMax = 4 << 20
const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** Layers that are a model as it is: of Docker's model runner, Ollama's registry and the CNCF's model format. */
const modelTypes: ReadonlySet<string> = new Set([
  'application/vnd.docker.ai.gguf.v3',
  'application/vnd.ollama.image.model',
  'application/vnd.cncf.model.weight.v1.raw',
])
const titleKeys = ['org.opencontainers.image.title', 'org.cncf.model.filepath']

const hint =
  'Check the spelling and the tag; `docker login REGISTRY` keeps the credentials that are used here, too.'
const hints: Hints = { missing: hint, forbidden: hint }

/** Finds the model among the layers of an artefact: by its media type, or by its title, as `oras push` writes it. */
export async function openOci(
  reference: OciReference,
  login: RegistryLogin,
  transfer: Transfer,
): Promise<ModelSource> {
  const { registry, repository, tag, digest, file } = reference
  const base = `${schemeOf(registry)}://${registry}/v2/${repository}`
  const authorise = createRegistryAccess(`${base}/`, { registry, repository, login }, transfer)
  const what = formatReference(reference)
  const ask = (path: string): Promise<HttpAnswer> =>
    retrying(async () => {
      const headers = { accept: manifestTypes }
      const answer = await send(`${base}/${path}`, { headers, authorise }, transfer)
      return answer.status === 200 ? answer : refuseStatus(answer, what, hints)
    }, transfer)

  const answer = await ask(`manifests/${digest ?? tag}`)
  let found: unknown = await readJson(answer, manifestBytesMax)
  const list = index.safeParse(found)
  // One for several platforms: a model is the same on all of them.
  if (list.success)
    found = await readJson(
      await ask(`manifests/${list.data.manifests[0]!.digest}`),
      manifestBytesMax,
    )
  const parsed = manifest.safeParse(found)
  if (!parsed.success)
    throw new AppError('model/bad-reference', { message: `${what} is no artefact with layers` })
  const chosen = choose(parsed.data.layers, what, file)
  const name = titleOf(chosen) ?? `${repository.split('/').at(-1)}-${tag ?? ''}`
  return {
    source: what,
    revision: answer.headers.get('docker-content-digest') ?? digest,
    nameHint: stemOf(name.split('/').at(-1) ?? name).replace(/-latest$|-$/, ''),
    downloads: [
      {
        url: `${base}/blobs/${chosen.digest}`,
        token: null,
        authorise,
        hints,
        label: name,
        bytes: chosen.size,
        checksum: { algorithm: 'sha256', hex: chosen.digest.slice('sha256:'.length) },
        validator: null,
      },
    ],
    unpack: null,
  }
}

function choose(layers: readonly Layer[], what: string, file: string | null): Layer {
  const models = layers.filter(
    (one) => modelTypes.has(one.mediaType) || /\.gguf$/i.test(titleOf(one) ?? ''),
  )
  const meant = file === null ? models : models.filter((one) => titleOf(one) === file)
  const [first] = meant
  if (first && meant.length === 1) return first
  const names = models.map((one) => titleOf(one) ?? one.digest).join(', ')
  throw new AppError(models.length === 0 ? 'model/not-found' : 'model/bad-reference', {
    message:
      models.length === 0
        ? `${what} holds no GGUF file: its layers are ${[...new Set(layers.map((one) => one.mediaType))].join(', ')}`
        : `${what} holds ${models.length} models: ${names}`,
    ...(models.length === 0 ? {} : { hint: `Name one: ${what.split('#')[0]}#FILE.gguf` }),
  })
}

const titleOf = ({ annotations }: Layer): string | undefined =>
  titleKeys.map((key) => annotations?.[key]).find((title) => title !== undefined)

/** As Docker does: only on this machine without encryption. */
const schemeOf = (registry: string): string =>
  /^(localhost|127(\.\d+){3})(:\d+)?$/.test(registry) ? 'http' : 'https'

import { posix } from 'node:path'
import { z } from 'zod'
import { AppError } from '../../core/errors.ts'
import { formatReference, type HubReference } from '../reference.ts'
import { type ChosenFile, chooseFile, partsOf, stemOf } from './choose-file.ts'
import type { Download } from './download.ts'
import { type HttpAnswer, readJson, send } from './http.ts'
import { refuseStatus, type Hints } from './refuse.ts'
import { retrying } from './retry.ts'
import type { ModelSource } from './source.ts'
import type { Transfer } from './transfer.ts'

export interface Hub {
  /** `https://huggingface.co`, or a mirror with the same paths. */
  readonly endpoint: string
  readonly token: string | null
}

/** Finds out which files of a repository make up the model, their sizes and checksums. */
export async function openHub(
  reference: HubReference,
  hub: Hub,
  transfer: Transfer,
): Promise<ModelSource> {
  const { repository } = reference
  const revision = reference.revision ?? 'main'
  const chosen: ChosenFile = reference.file
    ? { paths: partsOf(reference.file), reason: reference.file }
    : chooseFile(
        repository,
        await listFiles(reference, revision, hub, transfer),
        reference.quantisation,
      )
  transfer.onProgress({ step: 'choose', text: chosen.reason, doneBytes: 0, totalBytes: null })

  const files: HubFile[] = []
  for (const path of chosen.paths)
    // The first answer names the commit; the other parts are taken from the same one.
    files.push(await describeFile(repository, path, files[0]?.commit ?? revision, hub, transfer))
  return {
    source: formatReference({ ...reference, quantisation: null, file: chosen.paths[0] ?? null }),
    revision: files[0]?.commit ?? null,
    nameHint: stemOf(posix.basename(chosen.paths[0] ?? '')),
    downloads: files,
    unpack: null,
  }
}

interface HubFile extends Download {
  readonly commit: string | null
}

const tree = z.array(z.object({ type: z.string(), path: z.string() }))
const treeBytesMax = 16 << 20
const treePagesMax = 50

async function listFiles(
  { repository }: HubReference,
  revision: string,
  hub: Hub,
  transfer: Transfer,
): Promise<string[]> {
  const paths: string[] = []
  let next: string | null =
    `${hub.endpoint}/api/models/${repository}/tree/${encodeURIComponent(revision)}?recursive=true`
  for (let page = 0; next !== null && page < treePagesMax; page++) {
    const answer = await ask(next, repository, hub, transfer)
    const entries = tree.safeParse(await readJson(answer, treeBytesMax))
    if (!entries.success)
      throw new AppError('model/bad-reference', {
        message: `${hub.endpoint} does not list files as a model hub does`,
      })
    paths.push(...entries.data.filter(({ type }) => type === 'file').map(({ path }) => path))
    const link = /<([^>]+)>;\s*rel="next"/.exec(answer.headers.get('link') ?? '')?.[1]
    next = link && URL.canParse(link, answer.url.href) ? new URL(link, answer.url).href : null
  }
  return paths
}

async function ask(url: string, what: string, hub: Hub, transfer: Transfer): Promise<HttpAnswer> {
  const token = new URL(url).origin === new URL(hub.endpoint).origin ? hub.token : null
  return retrying(async () => {
    const answer = await send(url, { token }, transfer)
    return answer.status === 200 ? answer : refuseStatus(answer, what, hintsOf(hub, what))
  }, transfer)
}

async function describeFile(
  repository: string,
  path: string,
  revision: string,
  hub: Hub,
  transfer: Transfer,
): Promise<HubFile> {
  const label = posix.basename(path)
  const urlAt = (at: string): string =>
    `${hub.endpoint}/${repository}/resolve/${encodeURIComponent(at)}/${path.split('/').map(encodeURIComponent).join('/')}`
  const { headers } = await retrying(async () => {
    const isEnough = (found: ReadonlyMap<string, string>): boolean => found.has('x-linked-etag')
    const options = { method: 'HEAD', token: hub.token, isEnough } as const
    const answer = await send(urlAt(revision), options, transfer)
    if (answer.status >= 400)
      await refuseStatus(answer, `${repository}/${path}`, hintsOf(hub, repository))
    await answer.body.dump()
    return answer
  }, transfer)
  const sha256 = /^"?([0-9a-f]{64})"?$/.exec(headers.get('x-linked-etag') ?? '')?.[1]
  const commit = /^[0-9a-f]{40}$/.exec(headers.get('x-repo-commit') ?? '')?.[0] ?? null
  const size = headers.get('x-linked-size')
  return {
    url: urlAt(commit ?? revision),
    token: hub.token,
    hints: hintsOf(hub, repository),
    label,
    bytes: size === undefined ? null : Number(size),
    checksum: sha256 === undefined ? null : { algorithm: 'sha256', hex: sha256 },
    commit,
  }
}

/** Which token opens it, and what it lacks. */
function hintsOf({ endpoint, token }: Hub, repository: string): Hints {
  const terms = `accept the terms at ${endpoint}/${repository}`
  if (token === null)
    return {
      missing:
        'Check the spelling. Where it is private: `hf auth login`, or a token in secrets/hub/token of the data directory, or HF_TOKEN; none is set.',
      forbidden: `No HF_TOKEN is set where Baleen runs: ${terms}, then \`hf auth login\` with that account, or write its token to secrets/hub/token in the data directory.`,
    }
  return {
    missing: 'Check the spelling, and that the account of HF_TOKEN may see it where it is private.',
    forbidden: `The account of HF_TOKEN has no access: ${terms} with it, or set a token of an account that has.`,
  }
}

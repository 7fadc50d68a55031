import type { Download } from './download.ts'

/** Where a model comes from, found out but not yet fetched. */
export interface ModelSource {
  /** The canonical reference: the same source, the same model. */
  readonly source: string
  /** What names the exact content there, such as a commit. */
  readonly revision: string | null
  /** What the file or package is called there. */
  readonly nameHint: string
  readonly downloads: readonly Download[]
  /** Makes one file of all downloads, given where they are. Null: each is a file of the model as it is. */
  readonly unpack: ((paths: readonly string[]) => AsyncIterable<Uint8Array>) | null
}

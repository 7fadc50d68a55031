/** What a long step on a model is doing, for a progress bar. */
export interface ModelProgress {
  readonly step: 'convert' | 'choose' | 'download' | 'join' | 'check'
  /** "tinyllama.Q4_K_M.gguf", or for `choose` a whole sentence. */
  readonly text: string
  readonly doneBytes: number
  /** Null: not known yet. */
  readonly totalBytes: number | null
}

export type OnProgress = (progress: ModelProgress) => void

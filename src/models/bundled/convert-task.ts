import type { Written } from '../durable-file.ts'
import type { ThreadFailure } from '../thread-failure.ts'

/** What the converting thread is given. */
export interface ConvertTask {
  readonly name: string
  readonly packageDirectory: string
  /** Has to be new. */
  readonly path: string
}

/** What it says. */
export type ConvertMessage =
  | { readonly type: 'progress'; readonly doneBytes: number }
  | { readonly type: 'done'; readonly written: Written }
  | ThreadFailure

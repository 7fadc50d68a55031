import type { FoundProcess } from '../../server/process-table.ts'

/** What `baleen doctor` found out; judging it is another matter. Null: this machine does not tell. */
export interface Facts {
  readonly node: { readonly version: string; readonly path: string }
  readonly data: {
    readonly path: string
    readonly freeBytes: number | null
    /** Null: it can be written. */
    readonly trouble: string | null
  }
  readonly config: { readonly path: string | null; readonly trouble: string | null }
  /** The `baleen serve` of this data directory. */
  readonly serving: { readonly pid: number; readonly url: string | null } | null
  readonly ports: readonly {
    readonly name: 'gateway' | 'control'
    readonly port: number
    /** Null: free. */
    readonly trouble: string | null
  }[]
  /** Children of a supervisor that is no more. */
  readonly stale: readonly FoundProcess[]
  readonly memory: {
    readonly availableBytes: number
    /** Of the control group that this runs in. */
    readonly limitBytes: number | null
    /** The largest model that is here. */
    readonly modelBytes: number | null
  }
  readonly cpu: {
    readonly cores: number
    /** Share of the cores that the control group allows. */
    readonly quotaCores: number | null
    readonly flags: ReadonlySet<string> | null
  }
  readonly gpu: {
    /** Kind of package that uses the GPU there is. */
    readonly kind: 'cuda' | null
    /** With version: `@node-llama-cpp/linux-x64-cuda@3.21.1`. */
    readonly package: string
    readonly isInstalled: boolean
  }
  readonly fileDescriptors: number | null
  readonly clock: { readonly nowMs: number; readonly newestFileMs: number | null }
}

/** When what happened to a request: milliseconds of the monotonic clock, 0 where it has not. */
export class Timeline {
  readonly startedAtMs: number
  /** The last byte of the request. All durations that are reported begin here. */
  bodyAtMs = 0
  admittedAtMs = 0
  heldSinceMs = 0
  holdMs = 0
  /** The engine was last heard, or last written to. */
  heardAtMs = 0
  firstContentAtMs = 0
  lastContentAtMs = 0

  constructor(startedAtMs: number) {
    this.startedAtMs = startedAtMs
  }

  endHold(nowMs: number): void {
    if (this.heldSinceMs === 0) return
    this.holdMs += nowMs - this.heldSinceMs
    this.heldSinceMs = 0
  }

  noteContent(nowMs: number): void {
    if (this.firstContentAtMs === 0) this.firstContentAtMs = nowMs
    this.lastContentAtMs = nowMs
  }

  ttftMs(): number | null {
    return this.firstContentAtMs > 0 ? this.firstContentAtMs - this.bodyAtMs : null
  }

  /** Mean gap between so many chunks of content. */
  itlMsMean(chunks: number): number | null {
    return chunks > 1 ? (this.lastContentAtMs - this.firstContentAtMs) / (chunks - 1) : null
  }
}

/** One accelerator of a node, as placement sees it. */
export interface PlaceDevice {
  readonly id: string
  /** Names that a demand may call it by, lower case: "h100", "h100-sxm-80gb". */
  readonly names: readonly string[]
  /** There is no such device: only what plays hardware, too, may have it. */
  readonly isPlayed?: boolean
  readonly memoryBytes: number
  /** USD an hour. Null: nobody said, see `unknownPriceUsdH`. */
  readonly priceUsdH: number | null
  /** Devices of a node in one group reach each other over fast links. */
  readonly group: string
}

/** A machine that replicas can be placed on. */
export interface PlaceNode {
  readonly name: string
  readonly cluster: string
  readonly zone: string
  readonly labels: Readonly<Record<string, string>>
  /** `KEY=VALUE` or `KEY`. */
  readonly taints: readonly string[]
  readonly isSpot: boolean
  /** Why nothing new may start there: "is drained", "does not answer". Null: it may. */
  readonly closedReason: string | null
  readonly devices: readonly PlaceDevice[]
}

/** What a replica holds on a node. Without devices it only lives there. */
export interface Claim {
  readonly replica: string
  readonly deployment: string
  readonly priority: number
  readonly node: string
  readonly devices: readonly string[]
  /** Of each device; null: all of it. */
  readonly share: Share | null
  /** It was told to end: what it holds will be free, whoever asks. */
  readonly isGoing?: boolean
  /** What it runs is being replaced by a newer revision. */
  readonly isOutdated?: boolean
}

/** How much it matters that it stays. */
export const weightOf = ({ priority, isGoing }: Claim): number => (isGoing ? -Infinity : priority)

export interface Share {
  readonly memoryBytes: number
  /** Share of the device's time, 0 to 1. */
  readonly compute: number
}

/** A machine of one's own costs something too: with this the fewest devices win where no price is known. */
export const unknownPriceUsdH = 1

export const priceOf = (device: PlaceDevice): number => device.priceUsdH ?? unknownPriceUsdH

/** What the order of equally well-known models goes by. */
export const rankings = ['value', 'quality', 'cost', 'latency'] as const
export type Ranking = (typeof rankings)[number]

/** A tenth more quality is worth twice the cost, a third more ten times. */
export const qualityExponent = 8

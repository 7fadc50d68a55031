const factors: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
}

/** A quantity as Kubernetes writes it: `250m`, `64Gi`, `1e3`. What is none counts as 0. */
export function parseQuantity(text: string | undefined): number {
  const match = /^([+-]?\d*\.?\d+(?:[eE][+-]?\d+)?)([a-zA-Z]*)$/.exec(text ?? '')
  const factor = factors[match?.[2] ?? ' ']
  return match && factor !== undefined ? Number(match[1]) * factor : 0
}

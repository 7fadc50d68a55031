/**
 * vLLM's flags as the arguments of its Python class: `--max-model-len 8` → `max_model_len: 8`, `--no-enable-x` →
 * `enable_x: false`, JSON as what it stands for.
 */
export function engineArguments(argv: readonly string[]): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (let at = 0; at < argv.length;) {
    const flag = argv[at++]!
    const values: unknown[] = []
    while (at < argv.length && !/^--[a-z]/.test(argv[at]!)) values.push(valueOf(argv[at++]!))
    const isNegated = values.length === 0 && flag.startsWith('--no-')
    const name = flag.replace(isNegated ? /^--no-/ : /^--/, '').replaceAll('-', '_')
    found[name] = values.length === 0 ? !isNegated : values.length === 1 ? values[0] : values
  }
  return found
}

function valueOf(word: string): unknown {
  if (/^-?\d+(\.\d+)?$/.test(word)) return Number(word)
  if (!word.startsWith('{')) return word
  return JSON.parse(word)
}

import {
  acceleratorCatalogue,
  resolveAccelerator,
} from '../../planner/accelerators/resolve-accelerator.ts'

/** What a demand may call a device that its tool calls so, lower case: "h100" for "NVIDIA H100 80GB HBM3". */
export function deviceNames(model: string): readonly string[] {
  const accelerator = resolveAccelerator(model)
  const entry = acceleratorCatalogue.find((one) => one.accelerator === accelerator)
  const names = entry ? [entry.accelerator.name, ...entry.aliases, model] : [model]
  return names.map((name) => name.toLowerCase())
}

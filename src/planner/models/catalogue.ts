import { deepseekFamily } from './deepseek.ts'
import { type Entry, withVariants } from './entry.ts'
import { googleFamily } from './google.ts'
import { llamaFamily } from './llama.ts'
import { mistralFamily } from './mistral.ts'
import { otherFamilies } from './others.ts'
import { qwenFamily } from './qwen.ts'

/** Built-in model facts. The test holds each shape to the parameter count that its publisher reports. */
export const modelCatalogue: readonly Entry[] = [
  ...llamaFamily,
  ...qwenFamily,
  ...mistralFamily,
  ...deepseekFamily,
  ...googleFamily,
  ...otherFamilies,
].flatMap(withVariants)

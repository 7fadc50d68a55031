import { type Cells, inferencexLaunch } from './inferencex.ts'
import type { CommandColumns } from './launch-command.ts'

/** How a row's source starts engines, where it is known and the row does not say. Null: it is not known. */
export const publishedLaunch = (cells: Cells): CommandColumns | null =>
  inferencexLaunch(cells) ?? aiconfiguratorLaunch(cells)

/** Ranks that a script lays otherwise than the table says: they win over filled columns. */
export const ranksOf = ({ tp, dp, ep }: CommandColumns): CommandColumns => ({
  ...(tp === undefined ? {} : { tp }),
  ...(dp === undefined ? {} : { dp }),
  ...(ep === undefined ? {} : { ep }),
})

/**
 * NVIDIA's own runs in the same table, which are of models that InferenceX did not run: aiconfigurator starts engines with as many
 * tokens a step as one prompt, a token of all who decode, and 1,500 (github.com/ai-dynamo/aiconfigurator,
 * src/aiconfigurator/generator/rule_plugin/benchmark). To SGLang it says how many tokens of whole prompts, and since 19 January 2026,
 * when it came to run 0.5.6, to read them in steps that decode. Racks of GB200 and GB300 are InferenceX's.
 */
function aiconfiguratorLaunch(cells: Cells): CommandColumns | null {
  const { source = '', engine = '', gpu = '', version = '' } = cells
  if (!/NVIDIA internal/.test(source) || /^gb/i.test(gpu)) return null
  const isl = Number(cells.isl)
  const sequences = Number(cells.concurrency_or_batch) / Number(cells.dp || 1)
  if (!(isl > 0 && sequences > 0)) return null
  switch (engine.toLowerCase()) {
    case 'vllm':
    case 'trtllm':
      return { max_num_batched_tokens: String(Math.round(sequences + isl + roomTokens)) }
    case 'sglang':
      return {
        max_num_batched_tokens: String(isl * Math.floor((isl + roomTokens) / isl)),
        ...(/^0\.5\.[1-5]\b/.test(version) ? {} : { scheduling: 'mixed' }),
      }
    default:
      return null
  }
}

const roomTokens = 1500

import type { Row } from './evidence.ts'

/** requests.csv of a run. Cells that hold commas (errors) stand behind those that are read. */
export function parseTable(text: string): Row[] {
  const [head = '', ...lines] = text.trim().split('\n')
  const names = head.split(',')
  return lines.map((line): Row => {
    const cells = line.split(',')
    const cell = (name: string) => cells[names.indexOf(name)] ?? ''
    const number = (name: string) => (cell(name) === '' ? NaN : Number(cell(name)))
    return {
      index: number('index'),
      outcome: cell('outcome'),
      status: number('status'),
      intendedMs: number('intended_ms'),
      handedMs: number('handed_ms'),
      endedMs: number('ended_ms'),
      firstContentMs: number('first_content_ms'),
      ttftServiceMs: number('ttft_service_ms'),
      doneMs: number('done_ms'),
      promptTokens: number('prompt_tokens'),
      outputTokens: number('output_tokens'),
      good: cell('good') === 'true',
    }
  })
}

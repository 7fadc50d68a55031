import type { InjectionSpec } from '../../contract/injection-spec.ts'
import { formatCsvCell } from '../data/table.ts'
import {
  clientDelayMs,
  e2eMs,
  isGood,
  maxStallMs,
  tpotMs,
  ttftMs,
  ttftServiceMs,
} from '../policy/measurement/latency.ts'
import type { RequestRecord } from '../policy/measurement/record.ts'

type Column = readonly [
  name: string,
  value: (record: RequestRecord) => number | string | boolean | null,
]

/** One line a request, all times in milliseconds from the start of the run. Empty: it never came to that. */
export function requestsCsv(spec: InjectionSpec, records: readonly RequestRecord[]): string {
  const columns: readonly Column[] = [
    ['index', ({ index }) => index],
    ['model', ({ model }) => spec.models[model]?.name ?? ''],
    ['turn', ({ turn }) => turn],
    ['outcome', ({ outcome }) => outcome],
    ['status', ({ status }) => status || null],
    ['good', (record) => isGood(record, spec.slo)],
    ['intended_ms', ({ intendedMs }) => intendedMs],
    ['handed_ms', ({ handedMs }) => handedMs],
    ['written_ms', ({ writtenMs }) => writtenMs],
    ['connected_ms', ({ connectedMs }) => connectedMs],
    ['headers_ms', (record) => record.headersMs],
    ['first_byte_ms', ({ firstByteMs }) => firstByteMs],
    ['first_event_ms', ({ firstEventMs }) => firstEventMs],
    ['first_content_ms', ({ contentMs }) => contentMs[0] ?? null],
    ['first_answer_ms', ({ firstAnswerMs }) => firstAnswerMs],
    ['last_content_ms', ({ contentMs }) => contentMs.at(-1) ?? null],
    ['finish_ms', ({ finishMs }) => finishMs],
    ['done_ms', ({ doneMs }) => doneMs],
    ['ended_ms', ({ endedMs }) => endedMs],
    ['client_delay_ms', clientDelayMs],
    ['ttft_ms', ttftMs],
    ['ttft_service_ms', ttftServiceMs],
    ['tpot_ms', tpotMs],
    ['e2e_ms', e2eMs],
    ['max_stall_ms', maxStallMs],
    ['content_events', ({ contentMs }) => contentMs.length],
    ['prompt_tokens', ({ promptTokens }) => promptTokens],
    ['cached_tokens', ({ cachedTokens }) => cachedTokens],
    ['output_tokens', ({ outputTokens }) => outputTokens],
    ['token_source', ({ tokenSource }) => tokenSource],
    ['wanted_input_tokens', (record) => record.wantedInputTokens],
    ['wanted_output_tokens', (record) => record.wantedOutputTokens],
    ['finish_reason', ({ finishReason }) => finishReason],
    ['error', ({ error }) => error],
  ]
  const lines = records.map((record) => columns.map(([, value]) => cell(value(record))).join(','))
  return `${columns.map(([name]) => name).join(',')}\n${lines.join('\n')}\n`
}

function cell(value: number | string | boolean | null): string {
  if (value === null || Number.isNaN(value)) return ''
  if (typeof value === 'number') return String(Number(value.toFixed(4)))
  return typeof value === 'string' ? formatCsvCell(value) : String(value)
}

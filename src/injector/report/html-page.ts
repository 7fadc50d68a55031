import { escapeHtml } from './chart.ts'

/** A whole page in one file: opens offline, light and dark. */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body><main>${body}</main></body></html>
`
}

export function htmlTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`
  return `<div class="scroll"><table><thead>${row(header, 'th')}</thead><tbody>${rows.map((cells) => row(cells, 'td')).join('')}</tbody></table></div>`
}

const style = `
:root{color-scheme:light dark;--text:#111827;--soft:#6b7280;--line:#e5e7eb;--back:#fff;--bad:#b91c1c;--good:#047857}
@media(prefers-color-scheme:dark){:root{--text:#e5e7eb;--soft:#9ca3af;--line:#374151;--back:#111827;--bad:#f87171;--good:#34d399}}
body{margin:0;background:var(--back);color:var(--text);font:15px/1.5 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:24px}h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:32px 0 8px}
p.soft{color:var(--soft);margin:0 0 12px}.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:4px 14px 4px 0;text-align:right;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:500}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:20px}
svg{width:100%;height:auto}svg text{font-size:11px;fill:var(--soft)}svg .title{font-size:13px;fill:var(--text)}
svg .grid{stroke:var(--line)}svg .band{fill:#f59e0b;fill-opacity:.22}
.bad{color:var(--bad)}.good{color:var(--good)}pre{white-space:pre-wrap;word-break:break-word;color:var(--soft);font-size:12px}
`

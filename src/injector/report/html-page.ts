import { escapeHtml } from './chart.ts'
import { pointerScript } from './pointer-script.ts'

/** A whole page in one file: opens offline, light and dark, prints, and reads without its script. */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body><main>${body}</main><script>${pointerScript}</script></body></html>
`
}

export function htmlTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  // Words stand left, figures right.
  const isText = header.map(
    (_, column) => column === 0 || rows.some((cells) => /[a-z]{5,}/i.test(cells[column] ?? '')),
  )
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell, column) => `<${tag}${isText[column] ? ' class="text"' : ''}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`
  const head = header.some((cell) => cell !== '') ? `<thead>${row(header, 'th')}</thead>` : ''
  return `<div class="scroll"><table>${head}<tbody>${rows.map((cells) => row(cells, 'td')).join('')}</tbody></table></div>`
}

/** One figure that stands out. */
export interface Card {
  readonly name: string
  readonly value: string
  readonly unit?: string
  readonly note?: string
}

export const htmlCards = (cards: readonly Card[]): string =>
  `<div class="cards">${cards
    .map(
      ({ name, value, unit = '', note = '' }) =>
        `<div class="card"><div class="name">${escapeHtml(name)}</div><div class="value">${escapeHtml(value)} <small>${escapeHtml(unit)}</small></div><div class="note">${escapeHtml(note)}</div></div>`,
    )
    .join('')}</div>`

export const htmlCharts = (charts: readonly string[]): string =>
  `<div class="charts">${charts
    .filter((svg) => svg !== '')
    .map((svg) => `<figure>${svg}</figure>`)
    .join('')}</div>`

/** Opened on demand. */
export const htmlDetails = (title: string, body: string): string =>
  `<details><summary>${escapeHtml(title)}</summary>${body}</details>`

/** What a chart looks like that stands in a file of its own; the page has more. */
export const chartStyle = `
:root{color-scheme:light dark;--text:#0f172a;--soft:#64748b;--line:#e2e8f0;--back:#f8fafc;--card:#fff;--bad:#b91c1c;--badback:#fef2f2;--good:#047857;--goodback:#ecfdf5;--band:#f59e0b;
--c0:#2563eb;--c1:#dc2626;--c2:#059669;--c3:#d97706;--c4:#7c3aed;--c5:#0891b2}
@media(prefers-color-scheme:dark){:root{--text:#e2e8f0;--soft:#94a3b8;--line:#1f2a3c;--back:#0b1220;--card:#111a2b;--bad:#f87171;--badback:#2a1418;--good:#34d399;--goodback:#0c231d;--band:#fbbf24;
--c0:#60a5fa;--c1:#f87171;--c2:#34d399;--c3:#fbbf24;--c4:#a78bfa;--c5:#22d3ee}}
svg text{font-size:11px;fill:var(--soft)}svg .title{font-size:13.5px;font-weight:600;fill:var(--text)}
svg .grid{stroke:var(--line)}svg .band{fill:var(--band);fill-opacity:.2}svg line.limit{stroke:var(--soft);stroke-dasharray:4 4}svg .line{fill:none;stroke-width:1.7;stroke-linejoin:round}svg .dots{fill-opacity:.55}
${[0, 1, 2, 3, 4, 5].map((n) => `.stroke${n}{stroke:var(--c${n})}.fill${n},.key${n}{fill:var(--c${n})}`).join('')}`

const style = `
${chartStyle}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1200px;margin:0 auto;padding:28px 24px 60px}h1{font-size:22px;margin:0 0 2px;letter-spacing:-.01em}h2{font-size:16px;margin:34px 0 10px}
p.soft,.soft{color:var(--soft);margin:0 0 12px;font-size:13.5px}.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:14px}th,td{padding:5px 18px 5px 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
.text{text-align:left}td.text:last-child{white-space:normal;min-width:220px}th{color:var(--soft);font-weight:500}
.scroll+.charts{margin-top:14px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(158px,1fr));gap:12px;margin:16px 0 4px}
.card,figure{background:var(--card);border:1px solid var(--line);border-radius:10px}.card{padding:11px 14px}
.card .name{color:var(--soft);font-size:12.5px}.card .value{font-size:22px;font-weight:600;letter-spacing:-.02em;font-variant-numeric:tabular-nums}.card small{font-size:12.5px;font-weight:400;color:var(--soft);letter-spacing:0}.card .note{color:var(--soft);font-size:12px;min-height:1.3em}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,470px),1fr));gap:14px}
figure{margin:0;padding:14px 14px 8px;position:relative;min-width:0}
svg{width:100%;height:auto;display:block}
svg .cross{stroke:var(--soft);stroke-opacity:.6}
.tip{position:absolute;pointer-events:none;background:var(--card);border:1px solid var(--line);border-radius:6px;padding:4px 8px;font-size:12px;line-height:1.4;white-space:nowrap;box-shadow:0 2px 8px #0003;z-index:1}
.banner{border-radius:10px;padding:10px 14px;margin:14px 0;border:1px solid var(--line);background:var(--card)}.banner.bad{background:var(--badback)}.banner.good{background:var(--goodback)}.bad{color:var(--bad)}.good{color:var(--good)}
.banner ul{margin:4px 0 0;padding-left:22px}
.bar{display:flex;height:14px;border-radius:7px;overflow:hidden;margin:14px 0 6px;background:var(--line)}.bar i{display:block;min-width:2px}
.legend{color:var(--soft);font-size:13px}.legend b{color:var(--text);font-weight:600}.dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin:0 5px 0 12px}.dot:first-child{margin-left:0}
details{margin:10px 0}summary{cursor:pointer;color:var(--soft)}pre,code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}pre{white-space:pre-wrap;word-break:break-word;color:var(--soft)}
.lanes{width:100%}.lanes .name{fill:var(--text)}
@media print{body{background:#fff}figure,.card{break-inside:avoid}details:not([open]){display:none}}
`

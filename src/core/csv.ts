/**
 * Reads CSV text with a header line into records; quoted cells may hold commas, quotes and line breaks. A short line
 * leaves its last columns empty.
 */
export function parseCsv(text: string): Record<string, string>[] {
  const [header, ...lines] = cellsOf(text.startsWith('\uFEFF') ? text.slice(1) : text)
  if (!header) return []
  return lines
    .filter((cells) => cells.length > 1 || cells[0] !== '')
    .map((cells) => Object.fromEntries(header.map((name, at) => [name.trim(), cells[at] ?? ''])))
}

function cellsOf(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let cell = ''
  let isQuoted = false
  const endRow = () => {
    row.push(cell.endsWith('\r') ? cell.slice(0, -1) : cell)
    rows.push(row)
    row = []
    cell = ''
  }
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (isQuoted) {
      if (char === '"' && text[at + 1] === '"') {
        cell += '"'
        at++
      } else if (char === '"') isQuoted = false
      else cell += char
    } else if (char === '"') isQuoted = true
    else if (char === ',') {
      row.push(cell)
      cell = ''
    } else if (char === '\n') endRow()
    else cell += char
  }
  if (cell !== '' || row.length > 0) endRow()
  return rows
}

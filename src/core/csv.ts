/**
 * Reads CSV text with a header line into records; quoted cells may hold commas, quotes and line breaks. A short line
 * leaves its last columns empty. Semicolons or tabs part the cells where the header has them and no comma, as
 * spreadsheets write them in many countries.
 */
export function parseCsv(text: string): Record<string, string>[] {
  const plain = text.startsWith('\uFEFF') ? text.slice(1) : text
  const [header, ...lines] = cellsOf(plain, delimiterOf(plain))
  if (!header) return []
  return lines
    .filter((cells) => cells.length > 1 || cells[0] !== '')
    .map((cells) => Object.fromEntries(header.map((name, at) => [name.trim(), cells[at] ?? ''])))
}

/** What parts the cells of a header: a comma where there is one, else a semicolon or a tab. */
export function delimiterOf(text: string): string {
  const [header = ''] = text
    .slice(0, headerMost)
    .replaceAll(/"[^"]*"/g, '')
    .split('\n', 1)
  return [',', ';', '\t'].find((one) => header.includes(one)) ?? ','
}

/** Characters that a header line is looked for in. */
const headerMost = 65_536

function cellsOf(text: string, delimiter: string): string[][] {
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
    } else if (char === '"' && cell === '') isQuoted = true
    else if (char === delimiter) {
      row.push(cell)
      cell = ''
    } else if (char === '\n') endRow()
    else cell += char
  }
  if (cell !== '' || row.length > 0) endRow()
  return rows
}

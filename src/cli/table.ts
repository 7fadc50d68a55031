import type { Style } from './io.ts'

/** Columns as wide as their widest cell, two blanks apart, the last one free. */
export function formatTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const widths = headers.map((header, column) =>
    Math.max(header.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const format = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [style('dim', format(headers)), ...rows.map(format)].join('\n')
}

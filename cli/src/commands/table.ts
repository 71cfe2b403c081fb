// A table for the terminal: columns as wide as they need, empty ones left out.

/** Lines of a table. Columns without any text are left out, the head line included. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const shown = head.map((_, column) => column).filter((column) => rows.some((row) => row[column] !== ''))
  const widths = shown.map((column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string => shown.map((column, index) => (row[column] ?? '').padEnd(widths[index] ?? 0)).join('  ').trimEnd()
  return [head, ...rows].map(line)
}

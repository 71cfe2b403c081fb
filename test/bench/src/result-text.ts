// The last of each table, between two markers of a text.

/** A title, and what stands below it. */
export type Section = readonly [title: string, text: string]

const begin = '<!-- result: begin -->'
const end = '<!-- result: end -->'

/** Puts sections in the place of those with their titles, and new ones behind them all; the others stay. @throws Error without the markers */
export function withTables(old: string, sections: readonly Section[]): string {
  const from = old.indexOf(begin) + begin.length
  const to = old.indexOf(end)
  if (from < begin.length || to < from) throw new Error('the text has lost its markers')
  const fresh = new Map(sections.map(([title, text]) => [`### ${title}`, `### ${title}\n\n${text}`]))
  const all = old.slice(from, to).split(/^(?=### )/m).map((text) => text.trim()).filter((text) => text !== '')
  const kept = all.map((text) => {
    const title = text.split('\n', 1)[0] as string
    const made = fresh.get(title) ?? text
    fresh.delete(title)
    return made
  })
  return [old.slice(0, from), ...kept, ...fresh.values(), old.slice(to)].join('\n\n')
}

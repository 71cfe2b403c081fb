// What a run leaves of the tables before it.
import { expect, test } from 'vitest'
import { withTables } from './result-text.ts'

const text = (...sections: string[]): string => ['# Above\n\n### Not a table\n\n<!-- result: begin -->', ...sections, '<!-- result: end -->\n\n## Below\n'].join('\n\n')

test('a table takes the place of the one with its title, and all others stay where they are', () => {
  const old = text('### A\n\n| 1 |\n\nMonday.', '### A: B\n\n| 2 |\n\nMonday.', '### C\n\n| 3 |\n\nMonday.')
  const now = withTables(old, [['A: B', '| 20 |\n\nTuesday.']])
  expect(now).toBe(text('### A\n\n| 1 |\n\nMonday.', '### A: B\n\n| 20 |\n\nTuesday.', '### C\n\n| 3 |\n\nMonday.'))
  expect(withTables(now, [])).toBe(now)
})

test('a table that is new comes behind the others, also if there are none', () => {
  expect(withTables(text('### A\n\n| 1 |'), [['B', '| 2 |'], ['A', '| 3 |']])).toBe(text('### A\n\n| 3 |', '### B\n\n| 2 |'))
  expect(withTables(text(), [['B', '| 2 |']])).toBe(text('### B\n\n| 2 |'))
})

test('a text without its markers is left alone', () => {
  expect(() => withTables('# Above\n', [['A', '1']])).toThrow('markers')
  expect(() => withTables(text('### A').replace('end', 'finish'), [['A', '1']])).toThrow('markers')
})

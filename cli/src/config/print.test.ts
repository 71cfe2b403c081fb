// Problems as people and programs see them.
import { expect, test } from 'vitest'
import { plain, printProblem, printProblems, toJson, type Paint } from './print.ts'
import type { Problem } from './problems.ts'

const problem: Problem = {
  code: 'MW1301',
  level: 'error',
  message: 'there is no service "usrs" (did you mean "users"?)',
  file: 'mesh.yaml',
  position: { line: 9, column: 9, endColumn: 13, text: '    to: usrs # all' },
  path: ['routes', 1, 'to'],
  where: 'routes › 2 › to',
  related: [{ message: '"users" is defined here', file: 'mesh.yaml', position: { line: 4, column: 3, endColumn: 8, text: '  users:' } }],
}

test('a problem is its place, its message and code, the line, a caret, the path and what explains it', () => {
  expect(printProblem(problem, plain)).toBe(
    [
      'mesh.yaml:9:9  there is no service "usrs" (did you mean "users"?)  MW1301',
      '    9 |     to: usrs # all',
      '      |         ^^^^',
      '      at routes › 2 › to',
      '      "users" is defined here (mesh.yaml:4:3)',
    ].join('\n'),
  )
})

test('a problem without a position is the file, the message and the path in words', () => {
  const { position: _, ...unplaced } = { ...problem, file: 'mesh.config.ts', related: [] }
  expect(printProblem(unplaced, plain)).toBe('mesh.config.ts  there is no service "usrs" (did you mean "users"?)  MW1301\n      at routes › 2 › to')
})

test('a warning says that it is one, and the last line counts', () => {
  const warning: Problem = { ...problem, level: 'warning', code: 'MW1502' }
  const printed = printProblems([problem, warning, problem], plain).split('\n')
  expect(printed[5]).toBe('mesh.yaml:9:9  warning: there is no service "usrs" (did you mean "users"?)  MW1502')
  expect(printed.at(-1)).toBe('2 errors, 1 warning')
})

test('of a very long line the part around the mistake is shown', () => {
  const text = `${'x'.repeat(1000)}HERE${'y'.repeat(1000)}`
  const [, line = '', caret = ''] = printProblem({ ...problem, position: { line: 1, column: 1001, endColumn: 1005, text } }, plain).split('\n')
  expect(line.length).toBeLessThan(120)
  expect(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1)).toBe('HERE')
})

test('control characters of a file do not reach the terminal', () => {
  const evil = '\u001b[2Jgone\u0007\u202e'
  const printed = printProblem({ ...problem, message: evil, where: evil, position: { line: 1, column: 1, endColumn: 2, text: evil } }, plain)
  // oxlint-disable-next-line no-control-regex -- their absence is the point
  expect(printed).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/)
})

test('place and caret are painted, the text of the file is not', () => {
  const paint: Paint = (style, text) => `<${style}>${text}</>`
  const lines = printProblem(problem, paint).split('\n')
  expect(lines[0]).toContain('<bold>mesh.yaml:9:9</>')
  expect(lines[1]).toBe('<dim>    9 |</>     to: usrs # all')
  expect(lines[2]).toContain('<red>^^^^</>')
})

test('a program gets positions, a JSON pointer and the related places', () => {
  expect(toJson({ ...problem, path: ['routes', 1, 'a/b~c'] })).toEqual({
    code: 'MW1301',
    level: 'error',
    message: problem.message,
    file: 'mesh.yaml',
    line: 9,
    column: 9,
    endColumn: 13,
    pointer: '/routes/1/a~1b~0c',
    where: 'routes › 2 › to',
    related: [{ message: '"users" is defined here', file: 'mesh.yaml', line: 4, column: 3 }],
  })
})

// The codes of problems stay documented.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { problemKind, problemKinds, type ProblemCode } from './problems.ts'

const page = readFileSync(new URL('../../docs/problems.md', import.meta.url), 'utf8')

test('the page lists the same codes, levels, titles and remedies as the table', () => {
  const codes = Object.keys(problemKinds) as ProblemCode[]
  const rows = codes.map((code) => {
    const { level, title, remedy } = problemKind(code)
    return `| ${code} | ${level} | ${title} | ${remedy.replaceAll('|', '\\|')} |`
  })
  expect(page.split('\n').filter((line) => line.startsWith('| MW'))).toEqual(rows)
})

test('warnings are the codes from 1500 on', () => {
  const codes = Object.keys(problemKinds) as ProblemCode[]
  expect(codes.filter((code) => problemKind(code).level === 'warning')).toEqual(codes.filter((code) => code >= 'MW15'))
})

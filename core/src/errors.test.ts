// The table of errors: sound in itself, and the same in code and in docs/errors.md.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { errorKinds, MeshError, messageOf, toMeshError, type ErrorCode } from './errors.ts'
import { problem } from './problem.ts'

const codes = Object.keys(errorKinds) as ErrorCode[]
const document = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')

/** The cells of every row that begins with a code. */
const rows = [...document.matchAll(/^\| `(MESH_[A-Z_]+)` \|(.*)\|$/gm)].map(([, code, cells]) => [code as string, ...(cells as string).split('|').map((cell) => cell.trim())])

describe('docs/errors.md', () => {
  test('lists the codes of the table, each once and in the same order', () => {
    expect(rows.map(([code]) => code)).toEqual(codes)
  })

  test.each(codes)('says of %s what the table says, and what to do', (code) => {
    const { status, source, flag, title } = errorKinds[code]
    const [, ...cells] = rows.find(([name]) => name === code) ?? []
    expect(cells.slice(0, 4)).toEqual([String(status), source, flag, title])
    expect(cells.length).toBe(5)
    expect(cells[4]?.length).toBeGreaterThan(10)
  })

  test('names options that exist', () => {
    const spec = readFileSync(new URL('spec.ts', import.meta.url), 'utf8') + readFileSync(new URL('questions.ts', import.meta.url), 'utf8')
    const named = [...document.matchAll(/`(?:timeouts|timeout|limits|path)\.(\w+)`|`(drainMs|underscores|buffer\w+)`/g)].map(([, inner, own]) => inner ?? own)
    expect(named.length).toBeGreaterThan(15)
    expect(named.filter((name) => !spec.includes(`readonly ${name}?:`))).toEqual([])
  })
})

describe('every code', () => {
  test.each(codes)('%s has a status that fits its fault, and a meaning that may be shown', (code) => {
    const { status, source, title, flag } = errorKinds[code]
    if (status !== 0) expect(source === 'downstream' ? status >= 400 && status < 510 : [404, 429, 500, 502, 503, 504].includes(status)).toBe(true)
    expect(title).toMatch(/^[A-Z].{10,}[^.]$/)
    expect(flag).toMatch(/^(-|[A-Z]{2,3})$/)
  })
})

describe('a MeshError', () => {
  test('has a stack where somebody made a mistake, and none where an exchange failed as exchanges do', () => {
    const frames = (code: ErrorCode): number => new MeshError(code).stack?.split('\n    at ').length ?? 0
    expect([frames('MESH_INTERNAL') > 1, frames('MESH_BAD_OPTIONS') > 1, frames('MESH_UPSTREAM_CLOSED'), frames('MESH_INTERNAL') > 1]).toEqual([true, true, 1, true])
  })

  test('has what the table knows of its code, and keeps detail and cause for the log', () => {
    const cause = new Error('ECONNREFUSED')
    const error = new MeshError('MESH_CONNECT_FAILED', '10.0.0.7:80', cause)
    expect(error).toMatchObject({ name: 'MeshError', code: 'MESH_CONNECT_FAILED', status: 502, source: 'upstream', flag: 'UF', detail: '10.0.0.7:80', cause })
    expect(error.message).toBe('The endpoint refused the connection: 10.0.0.7:80')
    expect('cause' in new MeshError('MESH_NO_ROUTE')).toBe(false)
  })

  test('shows a client its code, status, meaning and request, and nothing else', () => {
    const { status, headers, body } = problem(new MeshError('MESH_FILTER_FAILED', 'secret', new Error('secret')), 'id-1')
    expect([status, headers.get('content-type')]).toEqual([500, 'application/problem+json'])
    expect(JSON.parse(new TextDecoder().decode(body))).toEqual({ type: 'about:blank', title: 'A filter failed', status: 500, code: 'MESH_FILTER_FAILED', requestId: 'id-1' })
  })

  test('tells a client when to ask again, in whole seconds, and Envoys that there was no room', () => {
    const { headers } = problem(new MeshError('MESH_BREAKER_OPEN', undefined, undefined, 1001), '')
    expect([headers.get('retry-after'), headers.get('x-envoy-overloaded')]).toEqual(['2', 'true'])
    expect(problem(new MeshError('MESH_BREAKER_OPEN', undefined, undefined, 0.5), '').headers.get('retry-after')).toBe('1')
    const other = problem(new MeshError('MESH_NO_ENDPOINT'), '').headers
    expect([other.has('retry-after'), other.has('x-envoy-overloaded')]).toEqual([false, false])
  })

  test('that was meant for the boot is a 500, should a client ever meet it', () => {
    expect(problem(new MeshError('MESH_BAD_OPTIONS'), '').status).toBe(500)
  })
})

describe('what a plugin threw', () => {
  test('stays itself if it has a code, and gets one otherwise', () => {
    const own = new MeshError('MESH_OVERFLOW')
    expect(toMeshError(own, 'MESH_PLUGIN_FAILED', 'x')).toBe(own)
    expect(toMeshError('text', 'MESH_PLUGIN_FAILED', 'x')).toMatchObject({ code: 'MESH_PLUGIN_FAILED', detail: 'x', cause: 'text' })
  })

  test.each([
    [new Error('no luck'), 'no luck'],
    ['no luck', 'no luck'],
    [undefined, 'undefined'],
    [Symbol('s'), 'Symbol(s)'],
    [Object.create(null), 'something that is no text'],
    [Object.defineProperty(new Error('x'), 'message', { get: () => { throw new Error('trap') } }), 'something that is no text'],
  ])('can be told as a text, whatever it is: %#', (thrown, text) => {
    expect(messageOf(thrown)).toBe(text)
  })
})

// Paths take one form, whatever they looked like, or are refused.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalizePath } from './path.ts'

const safe = { normalize: true, mergeSlashes: true, escapedSlashes: 'reject' } as const
const raw = { normalize: false, mergeSlashes: false, escapedSlashes: 'keep' } as const

describe('a path with nothing to do', () => {
  it.each(['/', '/users/42', '/a.b/c..d/e~f', '/x;v=1/@:!$&\'()*+,=', '*'])('%s stays as it is', (path) => {
    expect(normalizePath(path, safe)).toBe(path)
  })
})

describe('dot segments', () => {
  it.each([
    ['/a/b/c/./../../g', '/a/g'], ['/mid/content=5/../6', '/mid/6'], ['/a/..', '/'], ['/a/.', '/a/'], ['/a/b/..', '/a/'], ['/..', '/'], ['/.', '/'],
    ['/../../etc/passwd', '/etc/passwd'], ['/a/../../b', '/b'], ['/a/%2e%2e/b', '/b'], ['/a/%2E./b', '/b'], ['/a/.%2e', '/'], ['/%2e/x', '/x'],
    ['/...', '/...'], ['/.well-known/x', '/.well-known/x'], ['/a/..b', '/a/..b'], ['/a/b.', '/a/b.'],
  ])('%s becomes %s', (path, expected) => {
    expect(normalizePath(path, safe)).toBe(expected)
  })

  it('stay when normalisation is off', () => {
    expect(normalizePath('/a/%2e%2e/./b', { ...safe, normalize: false })).toBe('/a/%2e%2e/./b')
  })
})

describe('percent-encoding', () => {
  it.each([
    ['/%7Euser', '/~user'], ['/%61dmin', '/admin'], ['/%41%2d%5f', '/A-_'], ['/a%3fb', '/a%3Fb'], ['/caf%c3%a9', '/caf%C3%A9'], ['/caf\u00c3\u00a9', '/caf%C3%A9'],
  ])('%s becomes %s', (path, expected) => {
    expect(normalizePath(path, safe)).toBe(expected)
  })

  it('is decoded once only', () => {
    expect(normalizePath('/%252e%252e/%2561', safe)).toBe('/%252e%252e/%2561')
  })

  it('never turns into a line end, a space or a reserved character', () => {
    expect(normalizePath('/a%0d%0a%20%3f%23%25', safe)).toBe('/a%0D%0A%20%3F%23%25')
  })

  it('stays when normalisation is off', () => {
    expect(normalizePath('/%61%3f\u00e9', raw)).toBe('/%61%3f\u00e9')
  })
})

describe('slashes', () => {
  it.each([['//', '/'], ['//evil.example/x', '/evil.example/x'], ['/a///b//', '/a/b/'], ['/a//../b', '/a/b'], ['/.//b', '/b']])('%s is merged to %s', (path, expected) => {
    expect(normalizePath(path, safe)).toBe(expected)
  })

  it('stay apart when merging is off', () => {
    expect(normalizePath('/a//b', { ...safe, mergeSlashes: false })).toBe('/a//b')
  })

  it.each(['/a%2fb', '/a%2Fb', '/a%5cb', '/a%5C..'])('%s is refused by default', (path) => {
    expect(normalizePath(path, safe)).toBeUndefined()
  })

  it('stay escaped when they are kept', () => {
    expect(normalizePath('/a%2f..%5cb', { ...safe, escapedSlashes: 'keep' })).toBe('/a%2F..%5Cb')
  })

  it('are slashes to the dot segments when they are decoded', () => {
    expect(normalizePath('/a/b%2f..%5c..%2Fc', { ...safe, escapedSlashes: 'decode' })).toBe('/c')
  })
})

describe('refused under every policy', () => {
  it.each(['', 'users', 'http://h/', '/a b', '/a\tb', '/a\r\nb', '/a\0b', '/a\x7f', '/a\\b', '/a#b', '/a?b', '/%', '/%4', '/%zz', '/%00', '/%4g', '/\u20ac', '**'])('%j', (path) => {
    expect(normalizePath(path, safe)).toBeUndefined()
    expect(normalizePath(path, raw)).toBeUndefined()
  })
})

const piece = fc.constantFrom('/', '/', '.', '..', '%2e', '%2E', 'a', 'B', '%61', '%2f', '%5C', '%25', '%0a', '%20', '%zz', '%', '\\', '\u00e9', ';', '%7e', ' ')
const anyPath = fc.array(piece, { maxLength: 14 }).map((pieces) => `/${pieces.join('')}`)
const anyPolicy = fc.record({ normalize: fc.boolean(), mergeSlashes: fc.boolean(), escapedSlashes: fc.constantFrom('reject' as const, 'keep' as const, 'decode' as const) })

describe('any path under any policy', () => {
  it('is the same after a second time', () => {
    fc.assert(fc.property(anyPath, anyPolicy, (path, policy) => {
      const once = normalizePath(path, policy)
      if (once !== undefined) expect(normalizePath(once, policy)).toBe(once)
    }), { numRuns: 3000 })
  })

  it('has no dot segment, empty element, raw control character or backslash left where the policy forbids it', () => {
    fc.assert(fc.property(anyPath, anyPolicy, (path, policy) => {
      const once = normalizePath(path, policy)
      if (once === undefined) return
      expect(once).toMatch(/^\/[^\0-\x20\\\x7f]*$/)
      if (policy.normalize) expect(once.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))).toBe(false)
      if (policy.mergeSlashes) expect(once).not.toContain('//')
      if (policy.escapedSlashes !== 'keep') expect(once).not.toMatch(/%2f|%5c/i)
    }), { numRuns: 3000 })
  })

  it('means to the URL parser what it meant before', () => {
    // Encoded slashes aside, the WHATWG parser resolves the same dot segments.
    fc.assert(fc.property(anyPath.filter((path) => !/%2f|%5c|\\|%$|%[^0-9a-f]|%.[^0-9a-f]/i.test(path)), (path) => {
      const ours = normalizePath(path, { ...safe, mergeSlashes: false })
      if (ours !== undefined && !ours.startsWith('//')) expect(new URL(ours, 'http://h').pathname.split('/').length).toBe(new URL(`http://h${toUtf8(path)}`).pathname.split('/').length)
    }), { numRuns: 2000 })
  })
})

function toUtf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}

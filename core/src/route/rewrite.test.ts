// Rewrites, redirects and header changes do what the route says and nothing an attacker says.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Headers } from '../headers.ts'
import type { HeaderChanges, RouteSpec } from '../spec.ts'
import { compileHeaderChanges, compileRedirect, compileRewrite } from './rewrite.ts'

type Rewrite = NonNullable<RouteSpec['rewrite']>
type Redirect = NonNullable<RouteSpec['redirect']>

const badRoute = (detail: string): unknown => expect.objectContaining({ code: 'MESH_BAD_ROUTE', message: expect.stringContaining(detail) as string })

function rewritten(rewrite: Rewrite, matched: string | undefined, path: string): string {
  const request = { path, authority: 'shop.example' }
  compileRewrite(rewrite, matched)(request)
  return request.path
}

describe('a prefix rewrite', () => {
  it.each([
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'], ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'], ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'], ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'], ['/foo/', '/foo', '/xyz', '/xyz/'], ['/foo/bar', '/foo', '/', '/bar'], ['/foo/', '/foo', '/', '/'], ['/foo', '/foo', '/', '/'],
    ['/bar', '/', '/xyz', '/xyz/bar'], ['/', '/', '/xyz', '/xyz/'], ['/bar', '/', '/', '/bar'],
    ['/foo//evil.example', '/foo', '/', '/evil.example'], ['/foo//bar', '/foo', '/xyz', '/xyz/bar'], ['/foobar', '/foo', '/xyz', '/foobar'], ['/other', '/foo', '/xyz', '/other'], ['*', '/', '/xyz', '*'],
  ])('of %s from %s to %s gives %s', (path, matched, prefix, expected) => {
    expect(rewritten({ path: { prefix } }, matched, path)).toBe(expected)
  })

  it('never makes an empty element and never loses the leading slash', () => {
    const elements = fc.array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 3 }).map((list) => `/${list.join('/')}`)
    fc.assert(fc.property(elements, elements, elements, fc.constantFrom('', '/'), (matched, prefix, rest, end) => {
      const path = `${matched === '/' ? '' : matched}${rest}${rest === '/' ? '' : end}`
      const result = rewritten({ path: { prefix: prefix + (prefix === '/' ? '' : end) } }, matched, path)
      expect(result).toMatch(/^\/(?!\/)/)
      expect(result).not.toContain('//')
      expect(result.endsWith(rest)).toBe(end === '' || rest === '/')
    }))
  })

  it('is refused where no prefix was matched', () => {
    expect(() => compileRewrite({ path: { prefix: '/x' } }, undefined)).toThrow(badRoute('rewrite.path.prefix: there is no prefix'))
  })
})

describe('a full rewrite', () => {
  it('gives the whole path', () => {
    expect(rewritten({ path: { full: '/%7ex/' } }, undefined, '/foo/bar')).toBe('/~x/')
  })
})

describe('a host rewrite', () => {
  it.each([['Upstream.Example', 'upstream.example'], ['a.example:8080', 'a.example:8080'], ['[::1]:9', '[::1]:9'], ['10.0.0.1', '10.0.0.1']])('to %s sends %s and leaves the path', (host, expected) => {
    const request = { path: '/x', authority: 'shop.example:80' }
    compileRewrite({ host }, undefined)(request)
    expect(request).toEqual({ path: '/x', authority: expected })
  })
})

describe('a rewrite that cannot be compiled names its field', () => {
  it.each<[Rewrite, string]>([
    [{ host: 'a b' }, 'rewrite.host:'], [{ host: 'a:b' }, 'rewrite.host:'], [{ host: 'a:0' }, 'rewrite.host:'], [{ host: 'a:65536' }, 'rewrite.host:'], [{ host: 'a\r\nx: y' }, 'rewrite.host:'], [{ host: 'a\n' }, 'rewrite.host:'], [{ host: 'u@a' }, 'rewrite.host:'], [{ host: '' }, 'rewrite.host:'], [{ host: '*.a' }, 'rewrite.host:'],
    [{ path: { prefix: 'x' } }, 'rewrite.path.prefix:'], [{ path: { prefix: '//x' } }, 'rewrite.path.prefix:'], [{ path: { full: '/a?b' } }, 'rewrite.path.full:'], [{ path: { full: '/a\r\n' } }, 'rewrite.path.full:'], [{ path: { full: '' } }, 'rewrite.path.full:'], [{ path: {} as never }, 'rewrite.path:'],
  ])('%j', (rewrite, detail) => {
    expect(() => compileRewrite(rewrite, '/')).toThrow(badRoute(detail))
  })
})

interface Given {
  path?: string
  query?: string
  authority?: string
  scheme?: 'http' | 'https'
}

function redirected(redirect: Redirect, { path = '/a/b', query, authority = 'shop.example', scheme = 'http' }: Given = {}, matched: string | undefined = '/a'): { status: number; location: string | undefined } {
  const reply = compileRedirect(redirect, matched)({ path, query: query ?? '', hasQuery: query !== undefined, authority, scheme })
  return { status: reply.status, location: reply.headers.get('location') }
}

describe('a redirect', () => {
  it.each<[string, Redirect, Given, string]>([
    ['to another scheme drops the port', { scheme: 'https' }, { authority: 'shop.example:8080' }, 'https://shop.example/a/b'],
    ['to another host keeps the port', { host: 'New.example' }, { authority: 'shop.example:8080' }, 'http://new.example:8080/a/b'],
    ['to another host keeps the scheme', { host: 'new.example' }, { scheme: 'https' }, 'https://new.example/a/b'],
    ['keeps the query', { host: 'new.example' }, { query: 'q=1&r=%20' }, 'http://new.example/a/b?q=1&r=%20'],
    ['keeps an empty query', { host: 'new.example' }, { query: '' }, 'http://new.example/a/b?'],
    ['names a port', { port: 8443, scheme: 'https' }, {}, 'https://shop.example:8443/a/b'],
    ['omits the default port of https', { port: 443, scheme: 'https' }, {}, 'https://shop.example/a/b'],
    ['omits the default port of http', { port: 80 }, { authority: 'shop.example:8080' }, 'http://shop.example/a/b'],
    ['names port 80 on https', { port: 80 }, { scheme: 'https' }, 'https://shop.example:80/a/b'],
    ['omits a default port that the client wrote', { host: 'new.example' }, { authority: 'shop.example:80' }, 'http://new.example/a/b'],
    ['replaces a prefix', { path: { prefix: '/x' } }, {}, 'http://shop.example/x/b'],
    ['replaces the path', { path: { full: '/x' } }, { query: 'q' }, 'http://shop.example/x?q'],
    ['keeps an IPv6 host', { scheme: 'https' }, { authority: '[::1]:80' }, 'https://[::1]/a/b'],
    ['writes the host in lower case', { scheme: 'https' }, { authority: 'SHOP.example.' }, 'https://shop.example/a/b'],
    ['of an asterisk leads to the root', { scheme: 'https' }, { path: '*' }, 'https://shop.example/'],
  ])('%s', (_rule, redirect, given, location) => {
    expect(redirected(redirect, given)).toEqual({ status: 302, location })
  })

  it.each([301, 302, 303, 307, 308])('answers %i when told to', (status) => {
    expect(redirected({ scheme: 'https', status }).status).toBe(status)
  })

  it('never leads to a host that the path names', () => {
    for (const path of ['//evil.example/x', '/\\evil.example', '/a//evil.example', '/a/\\evil.example']) {
      for (const redirect of [{ scheme: 'https' }, { path: { prefix: '/' } }] as const) expect(new URL(redirected(redirect, { path }).location as string).host).toBe('shop.example')
    }
  })

  it.each(['', 'evil.example/x', 'a@evil.example', 'a b', 'a\r\nset-cookie: x', '..', '[::1'])('to the host of a request whose host is %j is a 400', (authority) => {
    expect(redirected({ scheme: 'https' }, { authority })).toEqual({ status: 400, location: undefined })
  })

  it('writes only what may stand in a field value, whatever a filter put into the request', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (path, query) => {
      const { location } = redirected({ scheme: 'https' }, { path: `/${path}`, query })
      expect(location).toMatch(/^https:\/\/shop\.example\/[\x21-\x7e]*$/)
      expect(new URL(location as string).host).toBe('shop.example')
    }))
    expect(redirected({ scheme: 'https' }, { path: '/\ud800\u20ac\u00e9' }).location).toBe('https://shop.example/%EF%BF%BD%E2%82%AC%E9')
  })

  it.each<[Redirect, string]>([
    [{}, 'redirect: leads back'], [{ status: 301 }, 'redirect: leads back'], [{ scheme: 'https', status: 304 }, 'redirect.status:'], [{ scheme: 'ftp' as never }, 'redirect.scheme:'], [{ host: 'a:80' }, 'redirect.host:'],
    [{ host: 'a/b' }, 'redirect.host:'], [{ port: 0 }, 'redirect.port:'], [{ port: 70_000 }, 'redirect.port:'], [{ path: { full: '//evil.example' } }, 'redirect.path.full:'], [{ path: { full: 'http://a' } }, 'redirect.path.full:'],
  ])('of %j is refused', (redirect, detail) => {
    expect(() => compileRedirect(redirect, '/')).toThrow(badRoute(detail))
  })
})

describe('header changes', () => {
  it('are made in the order remove, set, add', () => {
    const headers = new Headers(['A', '1', 'b', '2', 'a', '3', 'c', '4'])
    compileHeaderChanges({ add: { c: '5', a: '7' }, set: { B: '6', d: '' }, remove: ['a'] })?.(headers)
    expect([...headers]).toEqual([['b', '6'], ['c', '4'], ['d', ''], ['c', '5'], ['a', '7']])
  })

  it('that are none cost nothing', () => {
    expect([undefined, {}, { add: {}, set: {}, remove: [] }].map((changes) => compileHeaderChanges(changes))).toEqual([undefined, undefined, undefined])
  })

  it.each<[HeaderChanges, string]>([
    [{ set: { 'a b': '1' } }, 'headers.set.a b:'], [{ add: { '': '1' } }, 'headers.add.:'], [{ set: { a: 'x\r\ny: z' } }, 'headers.set.a:'], [{ set: { a: 'x\0' } }, 'headers.set.a:'], [{ set: { a: ' x' } }, 'headers.set.a:'], [{ set: { a: 'x\n' } }, 'headers.set.a:'],
    [{ set: { a: '\u20ac' } }, 'headers.set.a:'], [{ set: { a: 1 as never } }, 'headers.set.a:'], [{ remove: ['a:'] }, 'headers.remove[0]:'],
    ...['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Trailer', 'Upgrade', 'Expect'].map((name): [HeaderChanges, string] => [{ set: { [name]: '1' } }, `headers.set.${name}:`]),
    [{ remove: ['content-length'] }, 'headers.remove[0]:'], [{ add: { HOST: 'a' } }, 'headers.add.HOST:'],
  ])('of %j are refused', (changes, detail) => {
    expect(() => compileHeaderChanges(changes)).toThrow(badRoute(detail))
  })
})

// What each header field means to an intermediary.
import { describe, expect, test } from 'vitest'
import { field, fieldKind, hasOption, isFieldValue, isToken, nominated, passableTrailers, removeNominated } from './fields.ts'

describe('a field', () => {
  test.each([
    ['Accept', field.plain], ['HOST', field.host], ['Connection', field.connection], ['content-LENGTH', field.contentLength],
    ['Transfer-Encoding', field.transferEncoding], ['Keep-Alive', field.hop], ['Proxy-Connection', field.hop], ['HTTP2-Settings', field.hop],
    ['TE', field.te], ['Upgrade', field.upgrade], ['Expect', field.expect], ['X-Forwarded-For', field.forwarded], ['Forwarded', field.forwarded],
    ['X-Real-IP', field.forwarded], ['X-Request-Id', field.requestId], ['Via', field.via], ['Max-Forwards', field.maxForwards],
    ['Trailer', field.trailer], ['X_Forwarded_For', field.underscore], ['__proto__', field.underscore], ['constructor', field.plain],
    ['', field.invalid], ['a b', field.invalid], ['a:', field.invalid], ['a\r', field.invalid], ['ä', field.invalid],
  ])('%j is of its kind, whenever it is asked for', (name, kind) => {
    expect([fieldKind(name), fieldKind(name)]).toEqual([kind, kind])
  })

  test('is classified however many names there have been before', () => {
    for (let i = 0; i < 10_000; i++) fieldKind(`x-${i}`)
    expect([fieldKind('x-late_one'), fieldKind(`x${'y'.repeat(1000)}`), fieldKind('Host')]).toEqual([field.underscore, field.plain, field.host])
  })
})

describe('a value', () => {
  test.each(['', 'text', 'tab\there', 'ümlaut', '"quoted"'])('%j may stand in a message', (value) => {
    expect(isFieldValue(value)).toBe(true)
  })

  test.each(['a\r\nb', 'a\nb', 'a\0b', 'a\x7fb', '\x1b[2J', 'a\rb'])('%j may not', (value) => {
    expect(isFieldValue(value)).toBe(false)
  })
})

describe('a Connection field', () => {
  test.each([
    ['close', undefined], ['keep-alive', undefined], ['Keep-Alive, Close', undefined], ['upgrade', undefined], ['', undefined], [' , ,', undefined],
    ['x-a', ['x-a']], ['close, X-A ,x-b', ['x-a', 'x-b']], ['host, content-length, transfer-encoding, via, x-request-id', undefined],
  ])('%j names %j', (text, names) => {
    expect(nominated(text) === undefined ? undefined : [...(nominated(text) ?? [])]).toEqual(names)
  })

  test('takes away every field it names, in any case, and leaves the order of the others', () => {
    const list = ['a', '1', 'X-A', '2', 'b', '3', 'x-a', '4']
    removeNominated(list, new Set(['x-a']))
    expect(list).toEqual(['a', '1', 'b', '3'])
  })
})

test('an option is found in a list whatever its case and the blanks around it, and only as a whole', () => {
  expect([hasOption('gzip, Trailers ', 'trailers'), hasOption('trailers;q=1', 'trailers'), hasOption('xtrailers', 'trailers'), hasOption('', 'trailers')]).toEqual([true, false, false, false])
})

describe('trailers', () => {
  test('that frame, route, authenticate or describe the content are not passed on', () => {
    expect(passableTrailers(['Content-Length', '5', 'Host', 'a', 'Authorization', 'x', 'Set-Cookie', 'a=1', 'X-Sum', '7', 'Transfer-Encoding', 'chunked', 'X-Forwarded-For', '1'])).toEqual(['X-Sum', '7'])
  })

  test('that cannot stand in a message are not passed on', () => {
    expect(passableTrailers(['x y', '1', 'x-a', 'b\r\nc: d'])).toBeUndefined()
  })

  test('that are none are none', () => {
    expect(passableTrailers([])).toBeUndefined()
  })
})

test('a token has no separators in it', () => {
  expect(['GET', "!#$%&'*+-.^_`|~09az", '', 'a b', 'a/b', '(a)', 'a\n'].map(isToken)).toEqual([true, true, false, false, false, false, false])
})

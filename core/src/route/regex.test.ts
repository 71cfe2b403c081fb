// Regular expressions hold for whole texts, and those that could run for ever are refused.
import { describe, expect, it } from 'vitest'
import { compileRegex } from './regex.ts'

describe('a regular expression', () => {
  it('holds for the whole text only', () => {
    const regex = compileRegex('a|b', 'x')
    expect(['a', 'b', 'ab', 'xa', 'a\n'].filter((text) => regex.test(text))).toEqual(['a', 'b'])
  })

  it('has a dot that matches every character', () => {
    expect(compileRegex('.*', 'x').test('a\nb')).toBe(true)
  })

  it.each(['/v[0-9]+/.*', '(/[^/]+)*', '/api(/v[0-9]+)?/users', '(?:/(?:a|b))+', '(en|de|fr)+', '[a-z]{2,8}', '(ab)*', '(?<id>[0-9]+)', '^/x$', '(?!/admin).*', '([ab][cd])+'])('%s is accepted', (source) => {
    expect(compileRegex(source, 'x')).toBeInstanceOf(RegExp)
  })

  it.each(['(a+)+', '(a*)*', '(.*)*', '((a+))+', '(a|a)*', '(a|ab)*', '(a|[ab])+', '(aa*a)*', '(x+x+)+y', '(/[^x]*)+', '(a|b+)*a*c|(?:(?:[ab]+)){2,}', '(a?){30}', '(?:(a)\\1*)*'])('%s is refused as it could take exponential time', (source) => {
    expect(() => compileRegex(source, 'match.path.regex')).toThrow(/match\.path\.regex: .*exponential/)
  })

  it.each(['(', '[', 'a{2', '*', 'a)|(b', '\\', '\\-'])('%s is refused as it is none', (source) => {
    expect(() => compileRegex(source, 'match.path.regex')).toThrow(expect.objectContaining({ code: 'MESH_BAD_ROUTE' }))
  })

  it('is refused when it is no text, too long or repeats too often', () => {
    expect(() => compileRegex(7, 'x')).toThrow('x: 7 is not a regular expression')
    expect(() => compileRegex('a'.repeat(1025), 'x')).toThrow('at most 1024')
    expect(() => compileRegex('a*b'.repeat(26), 'x')).toThrow('more than 25')
  })

  it.each(['(/[^/]+)*x', '(?:/(?:a|b))+x', '(en|de|fr)+x'])('%s, once accepted, comes to an end on a long text made against it', (source) => {
    const regex = compileRegex(source, 'x')
    expect(['/a', '/', 'en'].map((turn) => regex.test(turn.repeat(4000)))).toEqual([false, false, false])
  })
})

// What may stand in an endpoints file, and what is said about anything else.
import { describe, expect, test } from 'vitest'
import { parseEndpoints } from './endpoints.ts'

const yaml = (text: string): unknown => parseEndpoints(text, false, 100)
const json = (value: unknown): unknown => parseEndpoints(JSON.stringify(value), true, 100)

const full = { id: 'a', host: 'users.internal', port: 8080, weight: 3, priority: 1, zone: 'b', metadata: { version: '2' } }

describe('good files', () => {
  test.each([
    ['addresses', ['10.0.0.1:80', '[::1]:81', 'users.internal:82'], [{ host: '10.0.0.1', port: 80 }, { host: '::1', port: 81 }, { host: 'users.internal', port: 82 }]],
    ['objects with host and port', [full], [full]],
    ['objects with an address', [{ address: '10.0.0.1:80', weight: 2 }], [{ host: '10.0.0.1', port: 80, weight: 2 }]],
    ['a list under "endpoints"', { endpoints: ['10.0.0.1:80'] }, [{ host: '10.0.0.1', port: 80 }]],
    ['nobody', [], []],
    ['the same place under two ids', [{ ...full, id: 'x' }, { ...full, id: 'y' }], [{ ...full, id: 'x' }, { ...full, id: 'y' }]],
  ])('%s', (_, value, endpoints) => {
    expect(json(value)).toEqual(endpoints)
    expect(yaml(JSON.stringify(value))).toEqual(endpoints)
  })

  test('YAML with comments and empty values', () => {
    expect(yaml('# ours\nendpoints:\n  - 10.0.0.1:80\n  - host: "::1"\n    port: 81\n    zone:\n')).toEqual([
      { host: '10.0.0.1', port: 80 },
      { host: '::1', port: 81 },
    ])
  })
})

describe('bad files say what is wrong and where', () => {
  test.each([
    ['', 'no list'],
    ['\n', 'no list'],
    ['endpoints:', 'no list'],
    ['hello', 'no list'],
    ['- a:80\n- [', 'line 2'],
    ['- a:80\n- a:80', '"a:80" is there twice'],
    ['- 7', 'endpoints[0]: is neither'],
    ['- a:80\n- a', 'endpoints[1]: '],
    ['- a:0', 'port is'],
    ['- a:70000', 'not host:port'],
    ['- { host: a }', 'port is'],
    ['- { port: 80 }', 'host is'],
    ['- { host: "a b", port: 80 }', 'host is'],
    ['- { host: "u@h", port: 80 }', 'host is'],
    ['- { host: a, port: "80" }', 'port is'],
    ['- { host: a, port: 80.5 }', 'port is'],
    ['- { address: a:80, port: 80 }', 'as well as'],
    ['- { address: 80 }', 'not host:port'],
    ['- { host: a, port: 80, weigth: 2 }', 'unknown key "weigth"'],
    ['- { host: a, port: 80, weight: 0 }', 'weight is'],
    ['- { host: a, port: 80, weight: 1000001 }', 'weight is'],
    ['- { host: a, port: 80, priority: 128 }', 'priority is'],
    ['- { host: a, port: 80, id: 7 }', 'id is'],
    ['- { host: a, port: 80, zone: [] }', 'zone is'],
    ['- { host: a, port: 80, metadata: { a: 1 } }', 'metadata has'],
    ['- { host: a, host: b, port: 80 }', 'unique'],
    ['a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c]\nendpoints: [*d,*d,*d,*d,*d]', 'alias'],
  ])('%j', (text, reason) => {
    expect(() => yaml(text)).toThrow(reason)
  })

  test('more endpoints than may be', () => {
    expect(() => json(Array.from({ length: 101 }, (_, i) => `a:${i + 1}`))).toThrow('101 endpoints are more than 100')
  })

  test('what is not JSON in a JSON file', () => {
    expect(() => parseEndpoints('- a:80', true, 100)).toThrow('JSON')
  })
})

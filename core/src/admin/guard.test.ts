// Whom the admin API talks to.
import { describe, expect, test } from 'vitest'
import { adminGuard } from './guard.ts'

describe('a Host', () => {
  const guard = adminGuard('10.1.2.3')
  test.each(['127.0.0.1', '127.0.0.1:9901', '127.9.9.9:1', 'localhost:9901', 'LOCALHOST', '[::1]:9901', '10.1.2.3:9901'])('%s is ours', (host) => {
    expect(guard({ host })).toBeUndefined()
  })

  test.each([undefined, '', 'evil.example', '127.0.0.1.evil.example:9901', 'localhost.evil.example', '10.1.2.4', 'a b', '127.0.0.1:9901:1', 'x@127.0.0.1', '[::2]:9901'])('%s is refused', (host) => {
    expect(guard({ host })).toMatch(/Host/)
  })

  test('that is any address is ours where the admin listens on all of them', () => {
    expect(adminGuard('0.0.0.0')({ host: '192.0.2.1:9901' })).toBeUndefined()
    expect(adminGuard('::')({ host: '[2001:db8::1]:9901' })).toBeUndefined()
    expect(adminGuard('0.0.0.0')({ host: 'evil.example' })).toMatch(/Host/)
  })

  test('that is the name the admin listens on is ours', () => {
    expect(adminGuard('admin.internal')({ host: 'admin.internal:9901' })).toBeUndefined()
  })

  test('that is one of the names it was given is ours', () => {
    const guard = adminGuard('0.0.0.0', ['Registry.internal', '10.9.9.9'])
    for (const host of ['registry.internal:9901', 'REGISTRY.internal', '10.9.9.9']) expect(guard({ host })).toBeUndefined()
    expect(guard({ host: 'x.registry.internal' })).toMatch(/Host/)
  })
})

describe('a page', () => {
  const guard = adminGuard('127.0.0.1')
  const host = '127.0.0.1:9901'

  test('of the admin itself may ask', () => {
    expect(guard({ host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' })).toBeUndefined()
    expect(guard({ host, 'sec-fetch-site': 'none' })).toBeUndefined()
  })

  test.each(['http://evil.example', 'http://127.0.0.1:8080', 'null', 'http://localhost:9901'])('of %s may not', (origin) => {
    expect(guard({ host, origin })).toMatch(/Origin/)
  })

  test.each(['cross-site', 'same-site'])('that is %s may not', (site) => {
    expect(guard({ host, 'sec-fetch-site': site })).toMatch(/Sec-Fetch-Site/)
  })
})

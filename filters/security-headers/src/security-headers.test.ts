// The module as it is shipped, on the real host.
import { loadFilter, type TestFilter, type TestRequest } from '@meshwright/wasm/testing'
import { expect, test } from 'vitest'
import { module, type SecurityHeadersConfiguration } from './index.ts'

const load = async (configuration: SecurityHeadersConfiguration = {}): Promise<TestFilter> => loadFilter(module, { configuration })

async function answered(filter: TestFilter, request: TestRequest = {}, headers: Record<string, string> = {}): Promise<Readonly<Record<string, string>>> {
  const stream = await filter.request(request)
  await stream.response({ headers })
  return stream.received.headers
}

test('responses get the headers, and lose those that tell what runs behind', async () => {
  expect(await answered(await load(), {}, { server: 'nginx/1.2', 'x-powered-by': 'php', 'x-own': '1' })).toEqual({
    'x-own': '1',
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'strict-origin-when-cross-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  })
})

test('Strict-Transport-Security comes over HTTPS alone', async () => {
  const filter = await load({ hstsMaxAge: 60, hstsPreload: true })
  expect((await answered(filter, { scheme: 'https' }))['strict-transport-security']).toBe('max-age=60; includeSubDomains; preload')
  expect(await answered(filter, { scheme: 'http' })).not.toHaveProperty('strict-transport-security')
})

test('what the service says stays, unless it is to be replaced', async () => {
  const own = { 'x-frame-options': 'SAMEORIGIN' }
  expect((await answered(await load(), {}, own))['x-frame-options']).toBe('SAMEORIGIN')
  expect((await answered(await load({ replace: true, contentSecurityPolicy: "default-src 'self'" }), {}, own))).toMatchObject({ 'x-frame-options': 'DENY', 'content-security-policy': "default-src 'self'" })
})

test('an empty value is not set, and an empty list removes nothing', async () => {
  const headers = await answered(await load({ frameOptions: '', remove: [] }), {}, { server: 's' })
  expect(headers).not.toHaveProperty('x-frame-options')
  expect(headers['server']).toBe('s')
})

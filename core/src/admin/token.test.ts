// Who needs a token on the admin API, and where a mesh does not start without one.
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { BearerTokenOptions } from '../bearer-tokens.ts'
import { silent } from '../logger.ts'
import { adminTokenVariable, tokenGuard } from './token.ts'

const token = 'a-token-that-nobody-knows'

function refused(options: BearerTokenOptions, method: string, adminToken?: boolean, authorization?: string): boolean {
  const config = adminToken === undefined ? {} : { adminToken }
  const headers = authorization === undefined ? {} : { authorization }
  return tokenGuard('127.0.0.1', options, silent)({ method, headers, routeOptions: { config } }) !== undefined
}

test.each<[string, boolean | undefined, boolean]>([
  ['GET', undefined, false],
  ['HEAD', undefined, false],
  ['POST', undefined, true],
  ['DELETE', undefined, true],
  ['PUT', undefined, true],
  ['GET', true, true],
  ['POST', false, false],
])('%s of a route that says %s needs the token: %s', (method, says, needs) => {
  expect(refused({ token }, method, says)).toBe(needs)
  expect(refused({ token }, method, says, 'Bearer another-token-that-is-long')).toBe(needs)
  expect(refused({ token }, method, says, `Bearer ${token}`)).toBe(false)
})

test('without a token everybody on this machine may do everything', () => {
  expect(refused({}, 'POST')).toBe(false)
  expect(refused({}, 'GET', true)).toBe(false)
})

describe('an address that others reach', () => {
  test.each(['0.0.0.0', '::', '10.0.0.1', 'admin.internal', '', '::ffff:127.0.0.1'])('%j wants a token, and the error says how to give one', (host) => {
    expect(() => tokenGuard(host, {}, silent)).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS', message: expect.stringMatching(/admin\.tokenFile.*MESHWRIGHT_ADMIN_TOKEN.*127\.0\.0\.1/) as string }))
    expect(tokenGuard(host, { token }, silent)).toBeTypeOf('function')
  })

  test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('%j is none', (host) => {
    expect(tokenGuard(host, {}, silent)).toBeTypeOf('function')
  })
})

test('the token may come from the environment', () => {
  vi.stubEnv(adminTokenVariable, token)
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(refused({}, 'POST')).toBe(true)
  expect(refused({}, 'POST', undefined, `Bearer ${token}`)).toBe(false)
})

test.each<BearerTokenOptions>([{ token: 'short' }, { tokenFile: '/nothing/is/here' }])('%j is refused at boot', (options) => {
  expect(() => tokenGuard('127.0.0.1', options, silent)).toThrow(expect.objectContaining({ code: 'MESH_BAD_OPTIONS' }))
})

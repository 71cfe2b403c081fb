// Who may write: shown by requests with and without tokens, from here and from elsewhere.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { writeGuard, type WriteGuardOptions, type Writer } from './write-guard.ts'

const token = 'a-token-that-nobody-knows'
const other = 'another-token-that-is-long'
const elsewhere = { remoteAddress: '10.0.0.9', localAddress: '10.0.0.1' }
const here = { remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' }

const bearer = (value: string): string => `Bearer ${value}`

/** What becomes of a write: `ok` or the code of the refusal. */
function write(options: WriteGuardOptions, writer: Partial<Writer>): string {
  return tried(writeGuard(options, () => {}), writer)
}

function tried(check: (writer: Writer) => void, writer: Partial<Writer>): string {
  try {
    check({ authorization: undefined, ...elsewhere, ...writer })
    return 'ok'
  } catch (thrown) {
    return (thrown as { code: string }).code
  }
}

describe('a token', () => {
  test.each([
    [bearer(token), 'ok'],
    [`bearer  ${token}`, 'ok'],
    [undefined, 'REGISTRY_TOKEN_NEEDED'],
    ['', 'REGISTRY_TOKEN_NEEDED'],
    [token, 'REGISTRY_TOKEN_NEEDED'],
    [`Basic ${token}`, 'REGISTRY_TOKEN_NEEDED'],
    [bearer(other), 'REGISTRY_TOKEN_NEEDED'],
    [bearer(token.slice(1)), 'REGISTRY_TOKEN_NEEDED'],
    [bearer(`${token}x`), 'REGISTRY_TOKEN_NEEDED'],
  ])('shown as %j: %s', (authorization, outcome) => {
    expect(write({ token }, { authorization })).toBe(outcome)
  })

  test('is needed from this machine too', () => {
    expect(write({ token }, here)).toBe('REGISTRY_TOKEN_NEEDED')
  })

  test('may come from the environment', () => {
    vi.stubEnv('MESHWRIGHT_REGISTRY_TOKEN', token)
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(write({}, { authorization: bearer(token) })).toBe('ok')
    expect(write({ token: other }, { authorization: bearer(token) })).toBe('REGISTRY_TOKEN_NEEDED')
  })

  test('that is short or has a space is refused at boot', () => {
    expect(() => writeGuard({ token: 'short' }, () => {})).toThrow('at least 16 characters')
    expect(() => writeGuard({ token: 'a token with many spaces' }, () => {})).toThrow('no spaces')
  })
})

describe('without a token', () => {
  test('nobody may write, and the reason says what to do', () => {
    expect(write({}, { authorization: bearer(token) })).toBe('REGISTRY_WRITES_OFF')
    expect(write({}, here)).toBe('REGISTRY_WRITES_OFF')
    expect(() => writeGuard({}, () => {})({ authorization: undefined, ...here })).toThrow(/tokenFile.*MESHWRIGHT_REGISTRY_TOKEN.*allowLoopbackWrites/)
  })

  test.each([
    ['from this machine', here, 'ok'],
    ['over IPv6', { remoteAddress: '::1', localAddress: '::1' }, 'ok'],
    ['over IPv4 in IPv6', { remoteAddress: '::ffff:127.0.0.1', localAddress: '::ffff:127.0.0.1' }, 'ok'],
    ['from elsewhere', elsewhere, 'REGISTRY_WRITES_OFF'],
    ['to an address that others reach too', { remoteAddress: '127.0.0.1', localAddress: '10.0.0.1' }, 'REGISTRY_WRITES_OFF'],
    ['from nowhere', { remoteAddress: undefined, localAddress: undefined }, 'REGISTRY_WRITES_OFF'],
  ])('with leave, %s: %s', (_, writer, outcome) => {
    expect(write({ allowLoopbackWrites: true }, writer)).toBe(outcome)
  })
})

describe('a file of tokens', () => {
  function file(text: string): string {
    const folder = mkdtempSync(path.join(tmpdir(), 'tokens-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const target = path.join(folder, 'tokens')
    writeFileSync(target, text)
    return target
  }

  test('has one a line, and is read again when it has changed', () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const warnings: string[] = []
    const tokenFile = file(`${token}\n\n  ${other}  \n`)
    const check = writeGuard({ tokenFile }, (text) => void warnings.push(text))
    const outcomes = (): string[] => [token, other].map((one) => tried(check, { authorization: bearer(one) }))
    expect(outcomes()).toEqual(['ok', 'ok'])
    writeFileSync(tokenFile, other)
    vi.advanceTimersByTime(1000)
    expect(outcomes()).toEqual(['REGISTRY_TOKEN_NEEDED', 'ok'])
    writeFileSync(tokenFile, '')
    vi.advanceTimersByTime(1000)
    expect(outcomes()).toEqual(['REGISTRY_TOKEN_NEEDED', 'ok'])
    expect(warnings).toEqual([expect.stringContaining('has no token')])
  })

  test('that is missing, empty or has a short one is refused at boot', () => {
    expect(() => writeGuard({ tokenFile: '/nowhere/tokens' }, () => {})).toThrow('ENOENT')
    expect(() => writeGuard({ tokenFile: file('\n') }, () => {})).toThrow('has no token')
    expect(() => writeGuard({ tokenFile: file('short\n') }, () => {})).toThrow('at least 16')
  })
})

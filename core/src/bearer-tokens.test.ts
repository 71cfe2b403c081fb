// Tokens out of a file: several of them, and others tomorrow.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { bearerTokens } from './bearer-tokens.ts'

const variable = 'MESHWRIGHT_TEST_TOKEN'
const [one, other] = ['the-first-of-these-tokens', 'the-second-of-these-tokens']

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

function file(content: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshwright-tokens-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const tokenFile = path.join(folder, 'tokens')
  writeFileSync(tokenFile, content)
  return tokenFile
}

test('each line of a file is a token, beside the one that was given', () => {
  const given = 'a-token-that-was-given'
  const tokens = bearerTokens({ token: given, tokenFile: file(`${one}\n\n ${other} \n`) }, variable, () => {})
  for (const token of [given, one, other]) expect(tokens.refusal(`Bearer ${token}`)).toBeUndefined()
  expect(tokens.refusal(`Bearer ${one}${other}`)).toBe('the token is not known here')
  expect(tokens.refusal(undefined)).toMatch(/Authorization/)
  expect(tokens.isEmpty).toBe(false)
})

test('a file that has changed is read again, and one that is broken changes nothing', () => {
  const warnings: string[] = []
  const tokenFile = file(one)
  const tokens = bearerTokens({ tokenFile }, variable, (reason) => void warnings.push(reason))
  writeFileSync(tokenFile, other)
  expect(tokens.refusal(`Bearer ${one}`)).toBeUndefined()
  vi.advanceTimersByTime(1001)
  expect(tokens.refusal(`Bearer ${one}`)).toBeDefined()
  expect(tokens.refusal(`Bearer ${other}`)).toBeUndefined()
  writeFileSync(tokenFile, 'short')
  vi.advanceTimersByTime(1001)
  expect(tokens.refusal(`Bearer ${other}`)).toBeUndefined()
  expect(warnings).toEqual([expect.stringContaining('at least 16 characters')])
})

test('no token is known where none was given', () => {
  const tokens = bearerTokens({}, variable, () => {})
  expect(tokens.isEmpty).toBe(true)
  expect(tokens.refusal('Bearer ')).toBeDefined()
})

// Certificates that expire are warned of in time, and not more than once a day.
import { expect, test } from 'vitest'
import { Expiry, type Dated } from './expiry.ts'

const dayMs = 86_400_000
const nowMs = Date.UTC(2030, 0, 15)

function certificate(fromDays: number, toDays: number): Dated {
  return { file: 'a.pem', subject: 'CN=a', validFrom: new Date(nowMs + fromDays * dayMs), validTo: new Date(nowMs + toDays * dayMs) }
}

function warnings(warnDays: number, one: Dated, ...looksMs: readonly number[]): string[] {
  const said: string[] = []
  const expiry = new Expiry(warnDays, { log: { warn: (_details, text) => void said.push(text) } })
  expiry.follow([one])
  for (const ms of looksMs) expiry.look(ms)
  return said
}

test.each([
  [14, certificate(-1, 15), []],
  [14, certificate(-1, 14), ['a certificate expires in 14 days']],
  [14, certificate(-1, 0.5), ['a certificate expires in less than a day']],
  [14, certificate(-1, 0), ['a certificate has expired']],
  [0, certificate(-1, 0.5), []],
  [0, certificate(-1, -1), ['a certificate has expired']],
  [14, certificate(1, 90), ['a certificate is not valid yet']],
])('with %j days of warning, %j says %j', (warnDays, one, said) => {
  expect(warnings(warnDays, one, nowMs)).toEqual(said)
})

test('it is said once a day, and from the first look on', () => {
  const one = certificate(-1, 3)
  expect(warnings(14, one, nowMs, nowMs + 1, nowMs + dayMs - 1)).toHaveLength(1)
  expect(warnings(14, one, nowMs, nowMs + dayMs, nowMs + 2 * dayMs)).toEqual(['a certificate expires in 3 days', 'a certificate expires in 2 days', 'a certificate expires in 1 days'])
})

test('a renewed certificate is judged anew', () => {
  const said: string[] = []
  const expiry = new Expiry(14, { log: { warn: (_details, text) => void said.push(text) } })
  expiry.follow([certificate(-1, 3)])
  expiry.look(nowMs)
  expiry.follow([certificate(-1, 2)])
  expiry.look(nowMs)
  expiry.follow([certificate(-1, 90)])
  expiry.look(nowMs)
  expect(said).toEqual(['a certificate expires in 3 days', 'a certificate expires in 2 days'])
})

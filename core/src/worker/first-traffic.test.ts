// Which services have had traffic is found out by looking at what is counted anyway.
import { expect, test } from 'vitest'
import type { Endpoint } from '../endpoint.ts'
import type { Service } from '../service.ts'
import { service } from '../unit.test.kit.ts'
import { FirstTraffic } from './first-traffic.ts'

const health = { check: () => Promise.resolve() }

function attempt(at: Service): void {
  ;(at.endpoints.all[1] as Endpoint).attempts++
}

test('a service is named once, after its first attempt', () => {
  const users = service({}, { health }, ['a', 'b'])
  const services = new Map([['users', users]])
  const traffic = new FirstTraffic()
  expect(traffic.look(services)).toEqual([])
  attempt(users)
  expect(traffic.look(services)).toEqual(['users'])
  attempt(users)
  expect(traffic.look(services)).toEqual([])
})

test('a service that was made anew is named again', () => {
  const traffic = new FirstTraffic()
  for (let i = 0; i < 2; i++) {
    const users = service({}, { health }, ['a', 'b'])
    attempt(users)
    expect(traffic.look(new Map([['users', users]]))).toEqual(['users'])
  }
})

test('nobody wants to know it of a service without a health check', () => {
  const users = service({}, {}, ['a', 'b'])
  attempt(users)
  expect(new FirstTraffic().look(new Map([['users', users]]))).toEqual([])
})

// One balancer for several priorities keeps each of them apart.
import { expect, test } from 'vitest'
import { Endpoint } from './endpoint.ts'
import { perPriority } from './per-priority.ts'
import type { Balancer } from './questions.ts'
import { exchange } from './unit.test.kit.ts'

const it = exchange()

function listOf(priority: number, ...hosts: string[]): Endpoint[] {
  return hosts.map((host) => new Endpoint({ host, port: 80, priority }))
}

/** Writes down what it is told, under its number. */
function noting(log: string[]): () => Balancer {
  let made = 0
  return () => {
    const name = ++made
    return {
      pick: (endpoints) => {
        log.push(`${name} pick`)
        return endpoints[0] as Endpoint
      },
      update: (endpoints) => void log.push(`${name} ${endpoints.map(({ host }) => host).join('')}`),
      ended: ({ host }) => void log.push(`${name} ended ${host}`),
    }
  }
}

test('each priority has an instance that is told its own lists and ends, and no more', () => {
  const log: string[] = []
  const balancer = perPriority(noting(log))
  const first = listOf(0, 'a', 'b')
  const second = listOf(1, 'c')
  balancer.update?.(first)
  balancer.update?.(second)
  for (const list of [first, second, first]) expect(balancer.pick(list, it)).toBe(list[0])
  balancer.ended?.(first[1] as Endpoint, it)
  balancer.ended?.(second[0] as Endpoint, it)
  expect(log).toEqual(['1 ab', '2 c', '1 pick', '2 pick', '1 pick', '1 ended b', '2 ended c'])
})

test('an empty list, or the end of an attempt on an endpoint of a priority that was never there, is told to nobody', () => {
  const log: string[] = []
  const balancer = perPriority(noting(log))
  balancer.update?.([])
  balancer.ended?.(listOf(3, 'x')[0] as Endpoint, it)
  expect(log).toEqual([])
})

test('a list that it was not told of is picked from all the same', () => {
  const list = listOf(0, 'a')
  expect(perPriority(noting([])).pick(list, it)).toBe(list[0])
})

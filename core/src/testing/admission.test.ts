// Good admissions keep all promises; for each promise there is one that breaks it.
import { describe, test } from 'vitest'
import { MeshError } from '../errors.ts'
import type { Admission } from '../questions.ts'
import { admissionPromises, testAdmission } from './admission.ts'
import { everyPromiseCanBreak } from './broken.test.kit.ts'

/** So many at a time. */
function room(limit = 3): Admission {
  let underWay = 0
  return {
    admit() {
      if (underWay >= limit) return new MeshError('MESH_OVERFLOW')
      underWay++
      return undefined
    },
    ended: () => void underWay--,
  }
}

/** So many, ever. */
function tickets(limit = 3): Admission {
  let left = limit
  return { admit: () => (left-- > 0 ? undefined : new MeshError('MESH_RATE_LIMITED')), ended: () => {} }
}

describe('three at a time', () => {
  testAdmission(room, { test, limit: 3 })
})

describe('everybody', () => {
  testAdmission(() => ({ admit: () => undefined, ended: () => {} }), { test })
})

describe('three tickets', () => {
  testAdmission(tickets, { test, limit: 3, byRate: true })
})

function but(wrong: (good: Admission) => Partial<Admission>): () => Admission {
  return () => {
    const good = room()
    return { ...good, ...wrong(good) }
  }
}

const common = room(1_000)
for (let n = 0; n < 997; n++) common.admit(undefined as never)

everyPromiseCanBreak(
  admissionPromises,
  {
    'admission/1': [
      but(() => ({ admit: () => Promise.resolve(undefined) as never })),
      but((good) => ({ admit: (exchange) => (good.admit(exchange) === undefined ? undefined : (new Error('full') as never)) })),
      but((good) => ({ admit: (exchange) => (good.admit(exchange) === undefined) as never })),
      but(() => ({
        admit() {
          throw new MeshError('MESH_OVERFLOW')
        },
      })),
    ],
    'admission/2': () => room(0),
    'admission/3': [() => tickets(9_999), but(() => ({ ended: () => {} }))],
    'admission/4': [
      but((good) => ({ ended: (exchange) => (exchange.error === undefined ? good.ended(exchange) : undefined) })),
      but((good) => ({ ended: (exchange) => (exchange.response === undefined ? undefined : good.ended(exchange)) })),
    ],
    'admission/5': () => {
      const stack: unknown[] = []
      return { admit: (exchange) => (stack.length >= 3 ? new MeshError('MESH_OVERFLOW') : void stack.push(exchange)), ended: (exchange) => void (stack.at(-1) === exchange && stack.pop()) }
    },
    'admission/6': [() => ({ admit: () => undefined, ended: () => {} }), () => room(2), but((good) => ({ admit: (exchange) => (good.admit(exchange) === undefined ? undefined : new MeshError('MESH_BAD_OPTIONS')) }))],
    'admission/7': () => {
      let underWay = 0
      return { admit: () => (underWay++ >= 3 ? new MeshError('MESH_OVERFLOW') : undefined), ended: () => void underWay-- }
    },
    'admission/8': () => {
      const seen = new WeakSet()
      return { admit: (exchange) => (seen.has(exchange) ? new MeshError('MESH_OVERFLOW') : void seen.add(exchange)), ended: () => {} }
    },
    'admission/9': [but((good) => ({ ended: (exchange) => (exchange.response!.status === 0 ? undefined : good.ended(exchange)) })), but((good) => ({ ended: (exchange) => (exchange.error!.status === 0 ? undefined : good.ended(exchange)) }))],
    'admission/10': [
      but((good) => ({ admit: (exchange) => (exchange.request.headers.delete('x-user'), good.admit(exchange)) })),
      but((good) => ({ ended: (exchange) => ((exchange.response!.status = 200), good.ended(exchange)) })),
    ],
    'admission/11': () => common,
  },
  { limit: 3 },
)

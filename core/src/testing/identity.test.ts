// A good identity keeps all promises; for each promise there is one that breaks it.
import { X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Identity, KeyPair, TlsMaterial } from '../questions.ts'
import { everyPromiseCanBreak } from './broken.test.kit.ts'
import { selfSigned } from './certificate.ts'
import { identityPromises, testIdentity } from './identity.ts'

const pairs = [selfSigned(), selfSigned(), selfSigned('two.example')]
const [first, second] = pairs as [KeyPair, KeyPair]
const root = first.cert
let rotate: (() => void)[] = []
let at = 0

function current(): TlsMaterial {
  return { certificates: [pairs[at % pairs.length] as KeyPair], ca: root }
}

function rotating(): Identity {
  rotate = []
  return {
    watch(publish) {
      const tell = (): void => publish(current())
      tell()
      rotate.push(tell)
      return () => void (rotate = rotate.filter((one) => one !== tell))
    },
  }
}

function change(): void {
  at++
  for (const tell of rotate) tell()
}

function publishing(material: unknown): () => Identity {
  return () => ({ watch: (publish) => (publish(material as TlsMaterial), () => {}) })
}

describe('one that rotates its keys', () => {
  testIdentity(rotating, { test, change, fail: () => {} })
})

describe('one with roots only', () => {
  testIdentity(publishing({ certificates: [], ca: root }), { test })
})

everyPromiseCanBreak(
  identityPromises,
  {
    'identity/1': () => ({ watch: () => ({ stop() {} }) as never }),
    'identity/2': [
      publishing(undefined),
      publishing({ certificates: [] }),
      publishing({ certificates: [{ key: first.key, cert: second.cert }] }),
      publishing({ certificates: [{ key: 'no key', cert: first.cert }] }),
      publishing({ certificates: [first], ca: 'no certificate' }),
      publishing({ certificates: [{ key: Buffer.from(first.key), cert: first.cert }] }),
    ],
    'identity/3': publishing({ certificates: [first], log() {} }),
    'identity/4': () => ({ watch: (publish) => (void rotating().watch(publish), () => {}) }),
    'identity/5': () => ({ watch: (publish) => (setTimeout(() => publish(current()), 5), () => {}) }),
    'identity/6': () => ({ watch: (publish) => (void rotating().watch(publish), () => void (rotate = [])) }),
    'identity/7': () => {
      const material = { certificates: [first] }
      return { watch: (publish) => rotating().watch(({ certificates }) => publish(Object.assign(material, { certificates }))) }
    },
    'identity/8': publishing(current()),
    'identity/9': () => ({ watch: (publish) => (rotate.push(() => publish({ certificates: [] })), publish(current()), () => {}) }),
  },
  { change, fail: change },
)

test('a certificate made for a test is valid for its name now, and its own root', () => {
  const certificate = new X509Certificate(selfSigned('one.example').cert)
  expect(certificate.checkHost('one.example')).toBe('one.example')
  expect(certificate.checkHost('two.example')).toBeUndefined()
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.ca).toBe(true)
  expect(certificate.validFromDate.getTime()).toBeLessThan(Date.now())
  expect(certificate.validToDate.getTime()).toBeGreaterThan(Date.now())
})

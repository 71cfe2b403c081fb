// Foreign functions that Envoy has, as a guest meets them.
import { Buffer } from 'node:buffer'
import { createPublicKey, generateKeyPairSync, sign as signBytes, verify as verifyBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { encodeMessage, Message } from './host/foreign/message.ts'
import { isolated, meshOf, type Asked } from './mesh.test.kit.ts'
import { call, out, property, puppet, read, u32, type Callbacks, type Script } from './puppet.test.kit.ts'

/** Calls a function with bytes; answers bytes, or the status if that is not 0. */
function* foreign(name: string, argument: Uint8Array | string): Script<Buffer | number> {
  const status = yield* call('proxy_call_foreign_function', name, argument, out[0], out[1])
  if (status !== 0) return status
  const length = yield* u32(out[1])
  return length === 0 ? Buffer.alloc(0) : yield* read(yield* u32(out[0]), length)
}

async function inGuest(callbacks: Callbacks, asked: Asked = { path: '/p?q=1', headers: { 'x-a': Buffer.from('ä').toString('latin1') } }): Promise<void> {
  const { ask } = await meshOf([{ guest: puppet(callbacks) }])
  expect((await ask(asked)).status).toBe(200)
}

const inHeaders = async (script: () => Script): Promise<void> => inGuest({ on_request_headers: script })

const token = (number: number): Buffer => Buffer.from(Uint32Array.of(number).buffer)
const text = (answer: Buffer | number): string | number => (typeof answer === 'number' ? answer : answer.toString())

describe('properties', () => {
  test('that are declared to be read only are kept once', async () => {
    const seen: unknown[] = []
    await inGuest({
      *on_configure() {
        seen.push(yield* foreign('declare_property', encodeMessage([[1, 'once'], [2, true]])), yield* foreign('declare_property', encodeMessage([[1, 'once']])), yield* foreign('declare_property', encodeMessage([[1, 'often']])))
        return 1
      },
      *on_request_headers() {
        for (const name of ['once', 'often', 'other']) seen.push(yield* call('proxy_set_property', name, '1'), yield* call('proxy_set_property', name, '2'), text(yield* property(name)))
      },
    })
    expect(seen.slice(isolated ? 3 : 0)).toEqual([Buffer.alloc(0), 2, Buffer.alloc(0), 0, 2, '1', 0, 0, '2', 0, 0, '2'])
  })

  test('of kinds that Envoy knows are kept if they are texts', async () => {
    const seen: unknown[] = []
    await inHeaders(function* () {
      seen.push(yield* foreign('set_envoy_filter_state', encodeMessage([[1, 'envoy.string'], [2, 'kept']])), text(yield* property('filter_state', 'envoy.string')))
      seen.push(yield* foreign('set_envoy_filter_state', encodeMessage([[1, 'envoy.tcp_proxy.cluster'], [2, 'x']])), yield* foreign('set_envoy_filter_state', ''))
    })
    expect(seen).toEqual([Buffer.alloc(0), 'kept', 1, 1])
  })
})

describe('signatures', () => {
  const pairs = [generateKeyPairSync('rsa', { modulusLength: 2_048 }), generateKeyPairSync('ec', { namedCurve: 'P-256' })]

  test('are made and verified with keys in either form', async () => {
    const seen: unknown[] = []
    await inHeaders(function* () {
      for (const { privateKey, publicKey } of pairs) {
        for (const made of [encodeMessage([[1, 'SHA256'], [2, privateKey.export({ format: 'der', type: 'pkcs8' })], [3, 'words']]), encodeMessage([[1, 'sha256'], [4, privateKey.export({ format: 'pem', type: 'pkcs8' })], [3, 'words']])]) {
          const answer = new Message((yield* foreign('sign', made)) as Buffer)
          seen.push(answer.bool(1), verifyBytes('sha256', Buffer.from('words'), publicKey, answer.bytes(2)))
        }
        const signature = signBytes('sha512', Buffer.from('words'), privateKey)
        const der = [2, publicKey.export({ format: 'der', type: 'spki' })] as const
        for (const key of [der, [5, publicKey.export({ format: 'pem', type: 'spki' })] as const]) {
          for (const words of ['words', 'other']) seen.push(new Message((yield* foreign('verify_signature', encodeMessage([[1, 'sha512'], key, [3, signature], [4, words]]))) as Buffer).bool(1))
        }
        const odd = new Message((yield* foreign('verify_signature', encodeMessage([[1, 'md5'], der, [3, signature], [4, 'words']]))) as Buffer)
        seen.push(odd.bool(1), odd.text(2))
      }
    })
    const each = [true, true, true, true, true, false, true, false, false, 'md5 is not supported.']
    expect(seen).toEqual([...each, ...each])
  })

  test('with keys that are none, too long or of another kind are not made, and with no key or two are a bad argument', async () => {
    const seen: unknown[] = []
    const [rsa] = pairs
    const der = createPublicKey(rsa?.privateKey as never).export({ format: 'der', type: 'spki' })
    const pem = String(rsa?.publicKey.export({ format: 'pem', type: 'spki' }))
    const bad: (readonly [number, Uint8Array | string])[] = [
      [2, 'no key'], [5, 'no key'], [2, Buffer.alloc(100_000)], [5, String(rsa?.privateKey.export({ format: 'pem', type: 'pkcs8' }))],
      [2, generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' })], [2, generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'der', type: 'spki' })],
    ]
    await inHeaders(function* () {
      seen.push(yield* foreign('verify_signature', encodeMessage([[1, 'sha256']])), yield* foreign('verify_signature', encodeMessage([[1, 'sha256'], [2, der], [5, pem]])), yield* foreign('sign', encodeMessage([[1, 'sha256']])))
      for (const key of bad) {
        const answer = new Message((yield* foreign('verify_signature', encodeMessage([[1, 'sha256'], key, [3, 'x'], [4, 'y']]))) as Buffer)
        seen.push([answer.bool(1), answer.text(2)])
      }
      const signed = new Message((yield* foreign('sign', encodeMessage([[1, 'sha256'], [4, pem], [3, 'x']]))) as Buffer)
      seen.push([signed.bool(1), signed.text(3)])
    })
    expect(seen).toEqual([2, 2, 2, ...bad.map(() => [false, 'Failed to initialize digest verify.']), [false, 'Invalid key type: private key required for signing operation.']])
  })
})

describe('expressions', () => {
  test('are worked out for each stream, and have the bytes of a property', async () => {
    const seen: unknown[] = []
    const expressions = ['request.path + "!"', 'request.size + 1', 'request.headers["x-a"] == "ä"', 'request.size > 3 || request.method == "GET"', '1.5', '7u', 'b"\\x01"', '[1, 2].exists(n, n == 2)', '["a", "b"]', '{"a": "b"}', 'duration("2s")', 'request.time > timestamp("2020-01-01T00:00:00Z")', 'plugin_name', 'has(request.referer)']
    await inGuest({
      *on_configure() {
        for (const [i, one] of expressions.entries()) expect(yield* foreign('expr_create', Buffer.from(one)), one).toEqual(token(i))
        return 1
      },
      *on_request_headers() {
        for (const i of expressions.keys()) {
          const value = yield* foreign('expr_evaluate', token(i))
          seen.push(Buffer.isBuffer(value) ? value.toString('latin1') : value)
        }
      },
    })
    const int = (number: bigint): string => Buffer.from(BigInt64Array.of(number).buffer).toString('latin1')
    expect(seen).toEqual([
      '/p?q=1!', int(1n), '\x01', '\x01', Buffer.from(Float64Array.of(1.5).buffer).toString('latin1'), int(7n), '\x01', '\x01',
      '\x02\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0a\0\0b\0\0', '\x01\0\0\0\x01\0\0\0\x01\0\0\0a\0b\0', int(2_000_000_000n), '\x01', 'guest', '\0',
    ])
  })

  test('that are none, or that could take for ever, are a bad argument', async () => {
    const seen: unknown[] = []
    const expressions = ['', 'a b', '"open', '\xff', 'x'.repeat(5_000), '1 + '.repeat(300) + '1', '['.repeat(100), 'request.path.matches("(a+)+$")', '[1].all(x, [1].all(y, y == x))', 'cel.bind(x, "a", x + x)', '"a".split("").size()', 'nothing(1)', '__proto__.x']
    await inHeaders(function* () {
      for (const one of expressions) seen.push(yield* foreign('expr_create', one))
      seen.push(yield* foreign('expr_evaluate', 'x'), yield* foreign('expr_evaluate', token(0)), yield* foreign('expr_delete', 'x'), yield* foreign('expr_delete', token(0)))
    })
    expect(seen).toEqual([...expressions.map(() => 2), 2, 1, 2, Buffer.alloc(0)])
  })

  test('are forgotten when they are deleted, and one that has no value is an internal failure', async () => {
    const seen: unknown[] = []
    await inHeaders(function* () {
      for (const one of ['request.nothing', 'request.path + 1', '1 / 0', 'null', 'constructor.name', 'hasOwnProperty.x']) {
        const made = (yield* foreign('expr_create', one)) as Buffer
        yield* call('proxy_set_property', 'hasOwnProperty.x', 'kept')
        seen.push(yield* foreign('expr_evaluate', made), yield* foreign('expr_delete', made), yield* foreign('expr_evaluate', made))
      }
    })
    const gone = [Buffer.alloc(0), 1]
    expect(seen).toEqual([10, ...gone, 10, ...gone, 10, ...gone, 3, ...gone, 10, ...gone, Buffer.from('kept'), ...gone])
  })
})

describe('garbage', () => {
  test('is a bad argument of every function that takes a message', async () => {
    const seen: unknown[] = []
    const messages = ['\xff', '\x0a\x05ab', '\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01', '\x00\x01', '\x0b', '\x0a\x01\xff', '\x0a\xff\xff\xff\xff\x0f', '\x0d\x01', '\x09\x01\x02']
    await inHeaders(function* () {
      for (const name of ['set_envoy_filter_state', 'declare_property', 'verify_signature', 'sign']) for (const message of messages) seen.push(yield* foreign(name, message))
    })
    expect(seen).toEqual(Array.from({ length: messages.length * 4 }, () => 2))
  })
})

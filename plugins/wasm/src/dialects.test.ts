// Guests that were written for another host than Envoy find that host here.
import { describe, expect, test } from 'vitest'
import type { DialectName } from './host/dialect.ts'
import { guest as textGuest } from './guest.test.kit.ts'
import { meshOf, type Handler } from './mesh.test.kit.ts'
import { add, call, callService, header, noting, out, pairs, puppet, remove } from './puppet.test.kit.ts'

const dialects: readonly DialectName[] = ['envoy', 'nginx', 'fastedge']

/** What one dialect makes of something, and what the others do. */
const each = <T>(values: Readonly<Record<DialectName, T>>): { dialect: DialectName; value: T }[] => dialects.map((dialect) => ({ dialect, value: values[dialect] }))

describe('a head that nothing follows', () => {
  test.each(each({ envoy: 1, nginx: 0, fastedge: 1 }))('is said to be one as $dialect says it', async ({ dialect, value }) => {
    const seen: unknown[] = []
    const { ask } = await meshOf([{ guest: puppet(noting(seen, ['on_request_headers'])), dialect }])
    await ask()
    expect(seen).toMatchObject([['request_headers', expect.any(Number), expect.any(Number), value, 0, 0]])
  })
})

describe('a call', () => {
  const calling = [':method', 'GET', ':path', '/called', ':authority', 'a']

  test.each(each({ envoy: [0, 2, 2], nginx: [0, 0, 2], fastedge: [0, 0, 2] }))('goes to a service or to a host, as with $dialect', async ({ dialect, value }) => {
    const seen: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        for (const upstream of ['app', 'app:8080', 'nobody:8080']) seen.push(yield* callService(upstream, calling))
      },
    })
    const { ask } = await meshOf([{ guest, dialect }])
    await ask()
    expect(seen).toEqual(value)
  })

  const handler: Handler = ({ url, headers }, response) => void response.end(url === '/called' ? 'answer' : String(headers['x-seen']))

  test.each(each({ envoy: 'heads 1, answers 2', nginx: 'heads 1, answers 2', fastedge: 'heads 2, answers 2' }))('lets its request go when all are answered, as with $dialect', async ({ dialect, value }) => {
    let heads = 0
    let answers = 0
    const guest = puppet({
      *on_request_headers() {
        heads++
        if (heads === 2) {
          yield* add(0, 'x-seen', `heads ${heads}, answers ${answers}`)
          return 0
        }
        yield* callService('app', calling)
        yield* callService('app', calling)
        return 1
      },
      *on_http_call_response() {
        answers++
        yield* call('proxy_set_effective_context', 2)
        yield* remove(0, 'x-seen')
        yield* add(0, 'x-seen', `heads ${heads}, answers ${answers}`)
        // The others know by themselves.
        if (dialect === 'envoy' && answers === 2) yield* call('proxy_continue_stream', 0)
        if (dialect === 'fastedge' && answers === 2) yield* remove(0, 'x-seen')
      },
    })
    const { ask } = await meshOf([{ guest, dialect }], handler)
    expect((await ask()).body).toBe(value)
  })

  test.each(each({ envoy: 403, nginx: 403, fastedge: 403 }))('whose answer makes the guest reply ends its request, with $dialect too', async ({ dialect, value }) => {
    let heads = 0
    const guest = puppet({
      *on_request_headers() {
        heads++
        yield* callService('app', calling)
        return 1
      },
      *on_http_call_response() {
        yield* call('proxy_set_effective_context', 2)
        yield* call('proxy_send_local_response', 403, '', 'not you', pairs([]), -1)
      },
    })
    const { ask } = await meshOf([{ guest, dialect }], handler)
    expect(await ask()).toMatchObject({ status: value, body: 'not you' })
    expect(heads).toBe(1)
  })
})

describe('the head of a response', () => {
  test.each(each({ envoy: 'stopped', nginx: 'through', fastedge: 'stopped' }))('can be stopped as with $dialect', async ({ dialect, value }) => {
    const guest = puppet({
      *on_response_headers() {
        yield* callService('app', [':method', 'GET', ':path', '/called', ':authority', 'a'])
        return 1
      },
      *on_http_call_response() {
        yield* call('proxy_set_effective_context', 2)
        const status = yield* add(2, 'x-late', 'added')
        yield* call('proxy_continue_stream', 1)
        expect(status).toBe(value === 'stopped' ? 0 : 2)
      },
    })
    const { ask } = await meshOf([{ guest, dialect }])
    expect((await ask()).headers['x-late']).toBe(value === 'stopped' ? 'added' : undefined)
  })
})

describe('host functions', () => {
  test.each(each({ envoy: [0, 2, 1, 1], nginx: [12, 12, 12, 12], fastedge: [0, 2, 1, 1] }))('are there as with $dialect', async ({ dialect, value }) => {
    const seen: unknown[] = []
    const guest = puppet({
      *on_request_headers() {
        seen.push(yield* call('proxy_get_log_level', out[0]), yield* call('proxy_close_stream', 9), yield* call('proxy_done'), yield* call('proxy_resolve_shared_queue', '', 'none', out[0]), yield* header(0, ':path'))
      },
    })
    const { ask } = await meshOf([{ guest, dialect }])
    await ask()
    expect(seen).toEqual([...value, '/'])
  })

  const beyond = ['proxy_dictionary_get', 'proxy_secret_get', 'proxy_get_secret']
  const imports = beyond.map((name) => `(import "env" "${name}" (func $${name} (param i32 i32 i32 i32) (result i32)))`).join('')

  test('beyond the ABI can be imported by guests of fastedge alone', async () => {
    const guest = textGuest((text) => `(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (if (i32.eqz (call $proxy_dictionary_get ${text('GREETING')} (i32.const 16) (i32.const 20)))
        (then (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-greeting')} (i32.load (i32.const 16)) (i32.load (i32.const 20))))))
      (if (i32.eq (i32.const 3) (i32.add (i32.add (call $proxy_dictionary_get ${text('NONE')} (i32.const 16) (i32.const 20))
          (call $proxy_secret_get ${text('GREETING')} (i32.const 16) (i32.const 20))) (call $proxy_get_secret ${text('GREETING')} (i32.const 16) (i32.const 20))))
        (then (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-found')} ${text('nothing')}))))
      (i32.const 0))`, { imports })
    const { ask, seen } = await meshOf([{ guest, dialect: 'fastedge', environment: { GREETING: 'hello' } }])
    expect((await ask()).status).toBe(200)
    expect(seen[0]?.headers).toMatchObject({ 'x-greeting': 'hello', 'x-found': 'nothing' })
    await expect(meshOf([{ guest, dialect: 'nginx' }])).rejects.toThrow('proxy_get_secret')
  })
})

// Both transports of the core keep all promises; for each promise there is one that breaks it.
import { describe, test } from 'vitest'
import { MeshError } from '../errors.ts'
import type { Sink } from '../flow.ts'
import type { Transport } from '../questions.ts'
import { http1 } from '../transport/http1.ts'
import { defaultTransportOptions } from '../transport/options.ts'
import { undici } from '../transport/undici.ts'
import { everyPromiseCanBreak } from './broken.test.kit.ts'
import { testTransport, transportPromises } from './transport.ts'

describe('http1', () => {
  testTransport(() => http1(defaultTransportOptions), { test })
})

describe('undici', () => {
  testTransport(() => undici(defaultTransportOptions), { test })
})

type Wrong = (sink: Sink) => Partial<Sink>

/** A good transport that tells something else. */
function telling(wrong: Wrong, more: Partial<Transport> = {}): () => Transport {
  return () => {
    const good = http1(defaultTransportOptions)
    return {
      send: (exchange, endpoint, sink) => good.send(exchange, endpoint, bent(sink, wrong(sink))),
      forget: (endpoint) => good.forget?.(endpoint),
      close: async () => good.close(),
      ...more,
    }
  }
}

function bent(sink: Sink, wrong: Partial<Sink>): Sink {
  return {
    onSent: () => sink.onSent(),
    onInform: (status, headers) => sink.onInform(status, headers),
    onHeaders: (response) => sink.onHeaders(response),
    onData: (chunk) => sink.onData(chunk),
    onFlush: () => sink.onFlush(),
    onEnd: (trailers) => sink.onEnd(trailers),
    onError: (error) => sink.onError(error),
    onUpgrade: (response, tunnel) => sink.onUpgrade(response, tunnel),
    ...wrong,
  }
}

/** A good transport that does something else. */
function doing(wrong: (good: Transport) => Partial<Transport>): () => Transport {
  return () => {
    const good = http1(defaultTransportOptions)
    return { send: (exchange, endpoint, sink) => good.send(exchange, endpoint, sink), forget: (endpoint) => good.forget?.(endpoint), close: async () => good.close(), ...wrong(good) }
  }
}

const deaf = { pause() {}, resume() {}, abort() {} }

everyPromiseCanBreak(
  transportPromises,
  {
    'transport/1': [
      telling((sink) => ({ onHeaders: (response) => (sink.onHeaders(response), sink.onSent()), onSent: () => {} })),
      telling((sink) => ({ onData: (chunk) => sink.onData(chunk.subarray(1)) })),
      telling((sink) => ({ onHeaders: (response) => (response.headers.set('x-a', '1, 2'), sink.onHeaders(response)) })),
      telling(() => ({ onEnd: () => {} })),
    ],
    'transport/2': [
      doing((good) => ({ send: (exchange, endpoint, sink) => ((exchange.request.authority = endpoint.address), good.send(exchange, endpoint, sink)) })),
      doing((good) => ({ send: (exchange, endpoint, sink) => ((exchange.request.hasQuery = false), good.send(exchange, endpoint, sink)) })),
      doing((good) => ({ send: (exchange, endpoint, sink) => (exchange.request.headers.set('x-a', '2'), good.send(exchange, endpoint, sink)) })),
    ],
    'transport/3': telling((sink) => {
      let seen = 0
      return { onData: (chunk) => (seen += chunk.length) < 300_000 && sink.onData(chunk) }
    }),
    'transport/4': telling((sink) => ({ onHeaders: (response) => (sink.onHeaders(response), sink.onData(new Uint8Array(0))) })),
    'transport/5': [telling((sink) => ({ onError: (error) => (sink.onSent(), sink.onError(error)) })), telling((sink) => ({ onError: (error) => sink.onError(new MeshError('MESH_INTERNAL', undefined, error)) })), telling(() => ({ onError: () => {} }))],
    'transport/6': [telling((sink) => ({ onError: (error) => (sink.onError(error), sink.onEnd(undefined)) })), telling((sink) => ({ onError: () => sink.onError(new Error('reset') as never) }))],
    'transport/7': [
      doing((good) => ({ send: (exchange, endpoint, sink) => Object.assign(good.send(exchange, endpoint, sink), { abort: (error: MeshError) => sink.onError(error) }) })),
      doing((good) => ({ send: (exchange, endpoint, sink) => (good.send(exchange, endpoint, sink), deaf) })),
    ],
    'transport/8': [
      doing((good) => ({ send: (exchange, endpoint, sink) => (good.send(exchange, endpoint, sink), deaf) })),
      doing((good) => ({
        send(exchange, endpoint, sink) {
          const flow = good.send(exchange, endpoint, sink)
          return { pause: () => flow.pause(), resume() {}, abort: (error) => flow.abort(error) }
        },
      })),
    ],
    'transport/9': [
      telling((sink) => ({ onEnd: (trailers) => (sink.onEnd(trailers), void setTimeout(() => sink.onError(new MeshError('MESH_UPSTREAM_CLOSED')), 5)) })),
      doing((good) => ({ send: (exchange, endpoint, sink) => Object.assign(good.send(exchange, endpoint, sink), { abort: (error: MeshError) => sink.onError(error) }) })),
    ],
    'transport/10': doing((good) => {
      const sinks: Sink[] = []
      return { send: (exchange, endpoint, sink) => good.send(exchange, endpoint, bent(sink, { onData: (chunk) => (sinks.push(sink) % 2 === 0 ? (sinks.at(-2) as Sink) : sink).onData(chunk) })) }
    }),
    'transport/11': telling(() => ({ onInform: () => {} })),
    'transport/12': doing(() => ({ forget: () => {} })),
    'transport/13': doing(() => ({ close: async () => {} })),
  },
  { patienceMs: 1_000, settleMs: 200 },
)

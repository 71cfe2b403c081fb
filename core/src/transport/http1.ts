// The core's answer to "carry it": HTTP/1.1, by undici wherever it can, by node:http where it cannot.
import type { Endpoint } from '../endpoint.ts'
import type { Exchange } from '../exchange.ts'
import type { Sink } from '../flow.ts'
import type { Transport } from '../questions.ts'
import { needsNodeHttp, sendByNodeHttp } from './node-http.ts'
import { UndiciTransport, type TransportOptions } from './undici.ts'

/** Makes the default transport of a service. */
export function http1(options: TransportOptions): Transport {
  const undici = new UndiciTransport(options)
  return {
    send(exchange: Exchange, endpoint: Endpoint, sink: Sink) {
      if (needsNodeHttp(exchange)) sendByNodeHttp(exchange, endpoint, options, sink)
      else undici.send(exchange, endpoint, sink)
    },
    forget: (endpoint) => undici.forget(endpoint),
    close: () => undici.close(),
  }
}

// The answer: a filter that lets only holders of a key pass, and tells the endpoint who they are.
import { reply, type Filter } from '@meshwright/core'

declare module '@meshwright/core' {
  interface ExchangeState {
    /** Set by api-keys: who holds the key of this request. */
    customer?: string
  }
}

export interface ApiKeysOptions {
  /** Customers by key. */
  readonly keys: Readonly<Record<string, string>>
  /** Told when a customer's request is over: who, the status the client saw, and how long it took in milliseconds. */
  readonly onUse?: (customer: string, status: number, durationMs: number) => void
}

/** Answers 401 to a request without a known `x-api-key`; replaces the key by `x-customer` on all others. */
export function apiKeys({ keys, onUse }: ApiKeysOptions): Filter {
  const customers = new Map(Object.entries(keys))
  return {
    name: 'api-keys',
    onRequestHeaders(exchange) {
      const { headers } = exchange.request
      const customer = customers.get(headers.get('x-api-key') ?? '')
      if (customer === undefined) return reply(401, 'An API key is needed.\n', { 'www-authenticate': 'ApiKey' })
      headers.delete('x-api-key')
      headers.set('x-customer', customer)
      exchange.state.customer = customer
    },
    onEnd(exchange) {
      const { customer } = exchange.state
      if (customer !== undefined) onUse?.(customer, exchange.response?.status ?? 0, exchange.endedMs - exchange.startedMs)
    },
  }
}

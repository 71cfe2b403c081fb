// A retry policy of the bookshop's own: a request that an endpoint failed is tried once more, at once.
import { definePlugin, type Exchange, type MeshPlugin, type RetryPolicy } from '@meshwright/core'

/** The core adds its own law: nothing is repeated that cannot be, such as an order that has been sent. */
export function onceMore(): RetryPolicy {
  return { next: (exchange) => (exchange.attempt === 1 && failed(exchange) ? 0 : undefined) }
}

/** There is no response, or it says that the endpoint is not well. A 404 is an answer like any other. */
function failed(exchange: Exchange): boolean {
  return exchange.response === undefined || exchange.response.status >= 500
}

const plugin: MeshPlugin = definePlugin({ name: 'once-more', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('retry', 'once-more', onceMore)
})
export default plugin

// Lets requests pass that bring a key, and tells the endpoint whose it is.
import { Action, Counter, HttpFilter, settings } from '@meshwright/filter-sdk'

/** What the filter is configured with. A value here is the default. */
@config
export class Settings {
  /** The header that the key is in. */
  header: string = 'x-api-key'
  /** Customers by their keys. */
  @required keys: Map<string, string> = new Map<string, string>()
}

const refused = new Counter('__metric___refused')

/** One is made for each request. Only the phases that it has are called. */
@filter
export class __Camel__ extends HttpFilter {
  customer: string = ''

  onRequestHeaders(end: bool): Action {
    const own = settings<Settings>()
    const headers = this.request.headers
    const key = headers.get(own.header)
    if (key == null || !own.keys.has(key)) {
      refused.add()
      return this.reply(401, 'a key is needed\n', { headers: [['www-authenticate', 'Key']] })
    }
    this.customer = own.keys.get(key)
    headers.delete(own.header)
    headers.set('x-customer', this.customer)
    return Action.Continue
  }

  onResponseHeaders(end: bool): Action {
    // Replies of the filter itself come by here as well.
    if (this.customer.length > 0) this.response.headers.set('x-served-for', this.customer)
    return Action.Continue
  }
}

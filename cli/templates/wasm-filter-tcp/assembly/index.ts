// Lets connections pass that begin with a key, and tells the endpoint whose it is.
import { Action, Counter, Data, log, property, settings, TcpFilter, toText } from '@meshwright/filter-sdk'

/** What the filter is configured with. A value here is the default. */
@config
export class Settings {
  /** Customers by their keys. */
  @required keys: Map<string, string> = new Map<string, string>()
  /** How long the line with the key may be. Bytes. */
  maxBytes: u16 = 256
}

const refused = new Counter('__metric___refused')

/** One is made for each connection. Only the callbacks that it has are called. */
@filter
export class __Camel__ extends TcpFilter {
  customer: string = ''

  onDownstreamData(data: Data, end: bool): Action {
    if (this.customer.length > 0) return Action.Continue
    const own = settings<Settings>()
    const most: i32 = own.maxBytes
    const start = data.bytes(0, most)
    const at = start.indexOf(0x0a)
    // The line may come in pieces: this is called again with all that has come so far.
    if (at < 0 && !end && start.length < most) return Action.Pause
    const key = at < 0 ? '' : toText(start.subarray(0, at)).trimEnd()
    if (!own.keys.has(key)) {
      refused.add()
      return this.close()
    }
    this.customer = own.keys.get(key)
    data.drain(at + 1)
    data.prepend(`${this.customer}\n`)
    return Action.Continue
  }

  onLog(): void {
    if (this.customer.length > 0) log.info(`${this.customer} got ${property.int('response.size')} bytes`)
  }
}

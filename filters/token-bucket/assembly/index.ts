// So many requests per key and time, one budget for all threads of the proxy.
import { Action, Counter, fieldName, HttpFilter, log, now, Plugin, property, settings, shared } from '@meshwright/filter-sdk'
import { hashOf, spend, Spending } from './budget'

@config
export class Settings {
  /** Requests per window that each key may make. */
  @required requests: u32 = 0
  windowMs: u32 = 1000
  /** Requests at once after a rest; 0: as many as `requests`. */
  burst: u32 = 0
  /** `address`, `header:name`, `cookie:name` or `query:name`. */
  key: string = 'address'
  /** How many keys are told apart at a time. */
  keys: u32 = 10000
  /** Tells budgets of several filters apart. */
  name: string = 'default'
  /** What becomes of a request when the budget cannot be written: it passes, or is refused. */
  onConflict: string = 'pass'
}

const passed = new Counter('token_bucket_passed')
const refused = new Counter('token_bucket_refused')
const conflicts = new Counter('token_bucket_conflicts')

@plugin
export class Limits extends Plugin {
  onConfigure(): bool {
    const own = settings<Settings>()
    if (own.requests == 0 || own.windowMs == 0 || own.keys == 0 || own.keys > 1000000) return complain('requests and windowMs must be 1 or more, keys 1 to 1000000')
    if (own.onConflict != 'pass' && own.onConflict != 'refuse') return complain('onConflict must be "pass" or "refuse"')
    const colon = own.key.indexOf(':')
    const kind = colon < 0 ? own.key : own.key.substring(0, colon)
    const name = colon < 0 ? '' : own.key.substring(colon + 1)
    if (kind == 'address' ? colon >= 0 : !(kind == 'header' ? fieldName(name) : (kind == 'cookie' || kind == 'query') && name.length > 0)) return complain('key must be "address", "header:name", "cookie:name" or "query:name"')
    return true
  }
}

function complain(what: string): bool {
  log.error(`configuration: ${what}`)
  return false
}

@filter
export class TokenBucket extends HttpFilter {
  onRequestHeaders(end: bool): Action {
    const own = settings<Settings>()
    const hash = hashOf(this.keyOf(own.key))
    const slot = `token-bucket/${own.name}/${<u32>(hash % own.keys)}`
    const interval = <u64>own.windowMs * 1_000_000 / own.requests
    const burst = own.burst == 0 ? own.requests : own.burst
    const spending = new Spending(hash, now(), interval, interval * (burst - 1))
    if (!shared.update(slot, spending, spend)) {
      conflicts.add()
      spending.waitNs = own.onConflict == 'pass' ? 0 : interval
    }
    if (spending.waitNs == 0) {
      passed.add()
      return Action.Continue
    }
    refused.add()
    const seconds = (spending.waitNs + 999_999_999) / 1_000_000_000
    return this.reply(429, 'too many requests\n', { headers: [['retry-after', `${seconds}`]], details: 'token_bucket' })
  }

  /** Who lacks what the key is made of is counted by address: leaving it out must not gain anything. */
  private keyOf(key: string): string {
    const colon = key.indexOf(':')
    if (colon < 0) return this.address()
    const name = key.substring(colon + 1)
    const kind = key.substring(0, colon)
    const value = kind == 'header' ? this.request.headers.get(name) : kind == 'cookie' ? this.request.cookie(name) : this.request.query(name)
    return value == null || value.length == 0 ? this.address() : 'key ' + value
  }

  private address(): string {
    const address = property.text('source.address')
    if (address == null) return ''
    const colon = address.lastIndexOf(':')
    return 'address ' + (colon < 0 || (!address.startsWith('[') && address.indexOf(':') != colon) ? address : address.substring(0, colon))
  }
}

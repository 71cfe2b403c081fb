// Gives each client one of several variants, keeps it there, and tells the router which.
import { Action, Counter, fieldName, foreign, HttpFilter, log, owner, Plugin, random, settings } from '@meshwright/filter-sdk'
import { choose } from './choose'

export class Variant {
  @required name: string = ''
  weight: u32 = 1
}

@config
export class Settings {
  @required variants: Variant[] = []
  /** The header that routes and services see. */
  header: string = 'x-variant'
  /** What keeps a client with its variant: this cookie, unless `stickyHeader` names a header whose value does. */
  cookie: string = 'variant'
  stickyHeader: string = ''
  /** Changes who gets what: each experiment should have its own. */
  salt: string = ''
  /** Of the cookie. Seconds. */
  maxAgeSeconds: u32 = 2592000
  /** Whether a client may choose its variant with the header. */
  clientMayChoose: bool = false
}

@plugin
export class Experiment extends Plugin {
  total: u64 = 0
  counters: Counter[] = []

  onConfigure(): bool {
    const own = settings<Settings>()
    this.total = 0
    this.counters = []
    for (let i = 0; i < own.variants.length; i++) {
      const name = own.variants[i].name
      if (!isName(name)) return complain('names of variants are letters, digits, - and _')
      this.total += own.variants[i].weight
      this.counters.push(new Counter('ab_test_variant_' + name))
    }
    if (this.total == 0) return complain('at least one variant must have a weight')
    if (!fieldName(own.header) || (own.stickyHeader.length > 0 && !fieldName(own.stickyHeader)) || !isName(own.cookie)) return complain('header, stickyHeader and cookie must be names of their kind')
    return true
  }

  /** -1: there is none of that name. */
  find(name: string | null): i32 {
    if (name == null) return -1
    const variants = settings<Settings>().variants
    for (let i = 0; i < variants.length; i++) {
      // One that gets nobody any more lets go of those it had.
      if (variants[i].name == name && variants[i].weight > 0) return i
    }
    return -1
  }
}

function isName(name: string): bool {
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i)
    const letter = unit | 0x20
    if (!((unit >= 0x30 && unit <= 0x39) || (letter >= 0x61 && letter <= 0x7a) || unit == 0x2d || unit == 0x5f)) return false
  }
  return name.length > 0
}

function complain(what: string): bool {
  log.error(`configuration: ${what}`)
  return false
}

@filter
export class AbTest extends HttpFilter {
  /** What the client is to keep; empty: it has it already. */
  private fresh: string = ''

  onRequestHeaders(end: bool): Action {
    const own = settings<Settings>()
    const experiment = owner<Experiment>()
    const headers = this.request.headers
    let variant = own.clientMayChoose ? experiment.find(headers.get(own.header)) : -1
    if (variant < 0) variant = this.assign(own, experiment)
    headers.set(own.header, own.variants[variant].name)
    experiment.counters[variant].add()
    // The route may depend on the header; hosts that do not know the function look for it again by themselves, or never.
    foreign('clear_route_cache', '')
    return Action.Continue
  }

  onResponseHeaders(end: bool): Action {
    if (this.fresh.length == 0) return Action.Continue
    const own = settings<Settings>()
    this.response.headers.append('set-cookie', `${own.cookie}=${this.fresh}; Path=/; Max-Age=${own.maxAgeSeconds}; SameSite=Lax`)
    return Action.Continue
  }

  private assign(own: Settings, experiment: Experiment): i32 {
    if (own.stickyHeader.length > 0) {
      const value = this.request.headers.get(own.stickyHeader)
      if (value != null && value.length > 0) return choose(own.variants, experiment.total, own.salt + '\n' + value)
    }
    const kept = experiment.find(this.request.cookie(own.cookie))
    if (kept >= 0) return kept
    const variant = choose(own.variants, experiment.total, `${random()}`)
    this.fresh = own.variants[variant].name
    return variant
  }
}

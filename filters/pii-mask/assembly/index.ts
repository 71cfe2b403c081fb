// Masks e-mail addresses, card numbers and tokens in bodies, as they pass through.
import { Action, Body, Counter, equalIgnoringCase, Headers, HttpFilter, log, owner, Plugin, settings, toLower } from '@meshwright/filter-sdk'
import { Masker, Wanted } from './masker'

@config
export class Settings {
  /** Which bodies. */
  request: bool = false
  response: bool = true
  emails: bool = true
  cards: bool = true
  tokens: bool = true
  /** What tokens begin with, beside those that everybody knows. */
  tokenPrefixes: string[] = []
  /** Media types whose bodies are looked at; a trailing `*` stands for the rest. */
  contentTypes: string[] = ['application/json', 'application/*+json', 'application/x-www-form-urlencoded', 'application/xml', 'application/javascript', 'text/*']
  /** What becomes of a body with a Content-Encoding, in which nothing can be found: `refuse` or `pass`. */
  onEncoded: string = 'refuse'
}

const masked = new Counter('pii_mask_masked')
const knownPrefixes = ['Bearer ', 'bearer ', 'eyJ', 'sk_live_', 'sk_test_', 'rk_live_', 'sk-', 'ghp_', 'gho_', 'ghs_', 'github_pat_', 'glpat-', 'xoxb-', 'xoxp-', 'AKIA', 'ASIA', 'AIza']

@plugin
export class Rules extends Plugin {
  inText: Wanted | null = null
  inJson: Wanted | null = null

  onConfigure(): bool {
    const own = settings<Settings>()
    if (own.onEncoded != 'refuse' && own.onEncoded != 'pass') return complain('onEncoded must be "refuse" or "pass"')
    for (let i = 0; i < own.tokenPrefixes.length; i++) {
      if (own.tokenPrefixes[i].length < 3) return complain('tokenPrefixes must have three characters or more')
    }
    const prefixes: string[] = own.tokens ? knownPrefixes.concat(own.tokenPrefixes) : []
    this.inText = new Wanted(own.emails, own.cards, prefixes, false)
    this.inJson = new Wanted(own.emails, own.cards, prefixes, true)
    return true
  }
}

function complain(what: string): bool {
  log.error(`configuration: ${what}`)
  return false
}

@filter
export class PiiMask extends HttpFilter {
  private requestMasker: Masker | null = null
  private responseMasker: Masker | null = null

  onRequestHeaders(end: bool): Action {
    const own = settings<Settings>()
    const headers = this.request.headers
    // In what is compressed nothing can be found: ask for what is not.
    if (own.response) headers.set('accept-encoding', 'identity')
    if (!own.request || end || !isLookedAt(headers, own)) return Action.Continue
    if (isEncoded(headers)) return own.onEncoded == 'pass' ? Action.Continue : this.reply(415, 'this body must not be encoded\n', { details: 'pii_mask' })
    this.requestMasker = maskerFor(headers)
    return Action.Continue
  }

  onRequestBody(body: Body, end: bool): Action {
    return pass(this.requestMasker, body, end)
  }


  onResponseHeaders(end: bool): Action {
    const own = settings<Settings>()
    const headers = this.response.headers
    if (!own.response || end || this.replied || !isLookedAt(headers, own)) return Action.Continue
    if (isEncoded(headers)) {
      if (own.onEncoded == 'pass') return Action.Continue
      log.warn('a response with a content-encoding was refused, as nothing can be masked in it')
      return this.reply(502, 'the response cannot be shown\n', { details: 'pii_mask' })
    }
    // What the masked body is would be another thing than what the tag and the digest are of.
    headers.delete('etag')
    headers.delete('content-md5')
    headers.delete('digest')
    headers.delete('repr-digest')
    headers.delete('content-digest')
    headers.delete('accept-ranges')
    this.responseMasker = maskerFor(headers)
    return Action.Continue
  }

  onResponseBody(body: Body, end: bool): Action {
    return pass(this.responseMasker, body, end)
  }
}

function pass(masker: Masker | null, body: Body, end: bool): Action {
  if (masker == null) return Action.Continue
  const before = masker.found
  const out = masker.take(body.bytes(), end)
  body.replace(out)
  if (masker.found > before) masked.add(masker.found - before)
  return Action.Continue
}

function maskerFor(headers: Headers): Masker {
  const type = headers.get('content-type')
  const json = type != null && type.includes('json')
  const rules = owner<Rules>()
  return new Masker((json ? rules.inJson : rules.inText)!, json)
}

function isEncoded(headers: Headers): bool {
  const encoding = headers.get('content-encoding')
  return encoding != null && encoding.length > 0 && !equalIgnoringCase(encoding, 'identity')
}

/** Whether the media type is one of those that are looked at. Without one, it may be anything: it is. */
function isLookedAt(headers: Headers, own: Settings): bool {
  const value = headers.get('content-type')
  if (value == null) return true
  const semicolon = value.indexOf(';')
  const type = toLower(semicolon < 0 ? value : value.substring(0, semicolon)).trim()
  for (let i = 0; i < own.contentTypes.length; i++) {
    const pattern = own.contentTypes[i]
    const star = pattern.indexOf('*')
    if (star < 0 ? type == pattern : type.length >= pattern.length - 1 && type.startsWith(pattern.substring(0, star)) && type.endsWith(pattern.substring(star + 1))) return true
  }
  return false
}

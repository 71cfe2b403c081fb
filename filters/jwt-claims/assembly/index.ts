// Verifies tokens signed with HS256 and tells the service their claims.
import { Action, Counter, equalBytes, equalIgnoringCase, fieldName, fieldValue, fromBase64, hmacSha256, HttpFilter, Json, log, nowMs, owner, Plugin, settings, toBytes, toText } from '@meshwright/filter-sdk'
import { audienceHas, claimText } from './claims'

@config
export class Settings {
  /** The secret as a text, or in base64: one of the two, unless `unverified`. At least 32 bytes. */
  secret: string = ''
  secretBase64: string = ''
  /** Take the claims of any token: only where something before this filter has verified it. */
  unverified: bool = false
  /** Header by claim; a dot goes into an object: `{"sub": "x-user", "realm.roles": "x-roles"}`. */
  @required claims: Map<string, string> = new Map()
  /** Where the token is, after `Bearer `. */
  header: string = 'authorization'
  /** A cookie that it may be in instead; empty: none. */
  cookie: string = ''
  /** Empty: any. */
  issuer: string = ''
  audience: string = ''
  /** Whether requests without a token are refused. One that is no good always is. */
  required: bool = true
  /** Whether the service sees the token. */
  forward: bool = true
  /** How far clocks may differ. Seconds. */
  skewSeconds: u32 = 60
}

const accepted = new Counter('jwt_claims_accepted')
const refused = new Counter('jwt_claims_refused')
const maxTokenLength = 8192

@plugin
export class Verifier extends Plugin {
  key: Uint8Array = new Uint8Array(0)

  onConfigure(): bool {
    const own = settings<Settings>()
    const given = (own.secret.length > 0 ? 1 : 0) + (own.secretBase64.length > 0 ? 1 : 0) + (own.unverified ? 1 : 0)
    if (given != 1) return complain('give one of secret, secretBase64 and unverified: true')
    const key = own.secretBase64.length > 0 ? fromBase64(own.secretBase64) : toBytes(own.secret)
    // RFC 7518 §3.2: as many bits as the hash has, or more.
    if (!own.unverified && (key == null || key.length < 32)) return complain('the secret must be base64 where it says so, and have at least 32 bytes')
    if (key != null) this.key = key
    const names = own.claims.values()
    for (let i = 0; i < names.length; i++) {
      if (!fieldName(names[i])) return complain(`"${names[i]}" is no header field that can be set`)
    }
    if (own.unverified) log.warn('tokens are NOT verified here: whoever reaches this filter can claim anything')
    return true
  }

  /** The claims of a good token. Null: it is none; {@link why} says why. */
  claimsOf(token: string): Json | null {
    const own = settings<Settings>()
    if (token.length > maxTokenLength) return this.no('it is too long')
    const first = token.indexOf('.')
    const second = token.indexOf('.', first + 1)
    if (first <= 0 || second < 0 || token.indexOf('.', second + 1) >= 0) return this.no('it is no JWT')
    if (!own.unverified && !this.isSigned(token, first, second)) return null
    const claims = jsonOf(token.substring(first + 1, second))
    if (claims == null) return this.no('its claims are no JSON')
    return this.isInForce(claims, own) ? claims : null
  }

  why: string = ''

  no(why: string): Json | null {
    this.why = why
    return null
  }

  private isSigned(token: string, first: i32, second: i32): bool {
    const header = jsonOf(token.substring(0, first))
    if (header == null) return this.not('its header is no JSON')
    const algorithm = header.get('alg')
    // The token does not choose: only the one algorithm that the secret is meant for.
    if (algorithm == null || algorithm.text != 'HS256') return this.not('its algorithm is not HS256')
    // RFC 7515 §4.1.11: whoever does not understand what is critical must refuse.
    if (header.get('crit') != null) return this.not('it has critical extensions')
    const signature = fromBase64(token.substring(second + 1))
    if (signature == null || !equalBytes(signature, hmacSha256(this.key, toBytes(token.substring(0, second))))) return this.not('its signature is wrong')
    return true
  }

  private isInForce(claims: Json, own: Settings): bool {
    const now = <f64>nowMs() / 1000
    const skew = <f64>own.skewSeconds
    const expires = claims.get('exp')
    if (expires != null && !(expires.number > now - skew)) return this.not('it has expired')
    const begins = claims.get('nbf')
    if (begins != null && !(begins.number <= now + skew)) return this.not('it is not valid yet')
    const issuer = claims.get('iss')
    if (own.issuer.length > 0 && (issuer == null || issuer.text != own.issuer)) return this.not('its issuer is another one')
    if (own.audience.length > 0 && !audienceHas(claims.get('aud'), own.audience)) return this.not('it is for another audience')
    return true
  }

  private not(why: string): bool {
    this.why = why
    return false
  }
}

function jsonOf(part: string): Json | null {
  const bytes = fromBase64(part)
  return bytes == null ? null : Json.parse(toText(bytes))
}

function complain(what: string): bool {
  log.error(`configuration: ${what}`)
  return false
}

@filter
export class JwtClaims extends HttpFilter {
  onRequestHeaders(end: bool): Action {
    const own = settings<Settings>()
    const headers = this.request.headers
    const token = this.token(own)
    // What a client has sent under these names must not pass for a claim.
    const names = own.claims.values()
    for (let i = 0; i < names.length; i++) headers.delete(names[i])
    if (token == null) return own.required ? this.refuse('a token is needed', '') : Action.Continue
    const verifier = owner<Verifier>()
    const claims = verifier.claimsOf(token)
    if (claims == null) return this.refuse(verifier.why, ', error="invalid_token"')
    accepted.add()
    const paths = own.claims.keys()
    for (let i = 0; i < paths.length; i++) {
      const text = claimText(claims, paths[i])
      if (text != null) headers.set(names[i], fieldValue(text))
    }
    if (!own.forward) headers.delete(own.header)
    return Action.Continue
  }

  private token(own: Settings): string | null {
    const value = this.request.headers.get(own.header)
    if (value != null) return value.length > 7 && equalIgnoringCase(value.substring(0, 7), 'bearer ') ? value.substring(7) : value.includes(' ') ? null : value
    return own.cookie.length > 0 ? this.request.cookie(own.cookie) : null
  }

  private refuse(why: string, error: string): Action {
    refused.add()
    log.debug(`a request was refused: ${why}`)
    return this.reply(401, 'a valid token is needed\n', { headers: [['www-authenticate', `Bearer realm="api"${error}`]], details: 'jwt_claims' })
  }
}

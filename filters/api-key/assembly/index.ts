// Lets requests pass that bring a key, and tells the service whose key it is.
import { Action, Counter, equalBytes, fieldName, fieldValue, fromHex, HttpFilter, log, owner, Plugin, settings, sha256, toBytes } from '@meshwright/filter-sdk'
import { withoutParameter } from './query'

export class Key {
  /** Whose it is: what the service is told. */
  @required identity: string = ''
  /** The key itself, or its SHA-256 in hex: one of the two. */
  key: string = ''
  sha256: string = ''
}

@config
export class Settings {
  @required keys: Key[] = []
  /** The header that the key is in. */
  header: string = 'x-api-key'
  /** The query parameter that it may be in instead; empty: none. */
  query: string = ''
  /** Set to the identity; what a client sends under this name is removed. */
  identityHeader: string = 'x-api-identity'
  /** Whether the service sees the key. */
  forward: bool = false
  /** The realm of `WWW-Authenticate`. */
  realm: string = 'api'
}

const allowed = new Counter('api_key_allowed')
const refused = new Counter('api_key_refused')

@plugin
export class Keys extends Plugin {
  /** Digests and identities, side by side. */
  digests: Uint8Array[] = []
  identities: string[] = []

  onConfigure(): bool {
    const own = settings<Settings>()
    if (!fieldName(own.header) || !fieldName(own.identityHeader)) return complain('header and identityHeader must be names of header fields')
    if (own.realm != fieldValue(own.realm) || own.realm.includes('"')) return complain('realm has a character that it must not have')
    this.digests = []
    this.identities = []
    for (let i = 0; i < own.keys.length; i++) {
      const digest = digestOf(own.keys[i])
      if (digest == null) return complain(`keys[${i}] needs either a key of at least 16 characters, or a sha256 of 64 hexadecimal digits`)
      if (own.keys[i].identity.length == 0 || own.keys[i].identity != fieldValue(own.keys[i].identity)) return complain(`keys[${i}].identity is empty, or no text for a header`)
      this.digests.push(digest)
      this.identities.push(own.keys[i].identity)
    }
    return true
  }

  /** Null: nobody has that key. */
  identityOf(key: string): string | null {
    // All digests are compared, each to its end: the time says nothing of how near a guess was, nor of the key's length.
    const digest = sha256(toBytes(key))
    let found = -1
    for (let i = 0; i < this.digests.length; i++) {
      if (equalBytes(digest, this.digests[i])) found = i
    }
    return found < 0 ? null : this.identities[found]
  }
}

function digestOf(own: Key): Uint8Array | null {
  if ((own.key.length > 0) == (own.sha256.length > 0)) return null
  if (own.key.length > 0) return own.key.length < 16 ? null : sha256(toBytes(own.key))
  const digest = fromHex(own.sha256)
  return digest != null && digest.length == 32 ? digest : null
}

function complain(what: string): bool {
  log.error(`configuration: ${what}`)
  return false
}

@filter
export class ApiKey extends HttpFilter {
  onRequestHeaders(end: bool): Action {
    const own = settings<Settings>()
    const headers = this.request.headers
    headers.delete(own.identityHeader)
    let key = headers.get(own.header)
    if (key == null && own.query.length > 0) key = this.request.query(own.query)
    let identity: string | null = null
    if (key != null) identity = owner<Keys>().identityOf(key)
    if (identity == null) {
      refused.add()
      log.debug(key == null ? 'a request without a key was refused' : 'a request with an unknown key was refused')
      return this.reply(401, 'a valid API key is needed\n', { headers: [['www-authenticate', `ApiKey realm="${own.realm}"`]], details: 'api_key' })
    }
    allowed.add()
    if (!own.forward) this.hide(own)
    headers.set(own.identityHeader, identity)
    return Action.Continue
  }

  private hide(own: Settings): void {
    this.request.headers.delete(own.header)
    if (own.query.length == 0) return
    const path = this.request.path
    const without = withoutParameter(path, own.query)
    if (without != path) this.request.path = without
  }
}

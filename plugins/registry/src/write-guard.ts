// Who may change the registry: whoever knows a token, or with leave anybody on this machine.
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { BlockList, isIPv6 } from 'node:net'
import { Refusal } from './refusal.ts'

export interface WriteGuardOptions {
  /** The token itself. */
  readonly token?: string
  /** A file with tokens, one a line; read again when it has changed. */
  readonly tokenFile?: string
  /** Whether writes from this machine need no token, as long as the admin API is bound to loopback. Default false. */
  readonly allowLoopbackWrites?: boolean
}

/** What a request shows of itself. */
export interface Writer {
  readonly authorization: string | undefined
  readonly remoteAddress: string | undefined
  readonly localAddress: string | undefined
}

/** Where tokens are looked for when no option says. */
export const tokenVariable = 'MESHWRIGHT_REGISTRY_TOKEN'

/** A token that can be guessed is none. */
const leastTokenLength = 16
const mostTokens = 100
/** How often the file is looked at, at most. */
const rereadMs = 1000

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * Makes the check of all writes; it throws Refusal REGISTRY_TOKEN_NEEDED or REGISTRY_WRITES_OFF, or does nothing.
 * @throws TypeError for tokens that are too short, Error for a file that cannot be read
 */
export function writeGuard(options: WriteGuardOptions, warn: (text: string) => void): (writer: Writer) => void {
  const tokens = tokensOf(options, warn)
  const { allowLoopbackWrites = false } = options
  return ({ authorization, remoteAddress, localAddress }) => {
    if (allowLoopbackWrites && isLoopback(remoteAddress) && isLoopback(localAddress)) return
    const known = tokens()
    if (known.length === 0) throw new Refusal('REGISTRY_WRITES_OFF', `it has no token: give the plugin @meshwright/registry a token or tokenFile, set ${tokenVariable}, or say allowLoopbackWrites`)
    const shown = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (shown === undefined) throw new Refusal('REGISTRY_TOKEN_NEEDED', 'send it as "Authorization: Bearer …"')
    if (!isAmong(digest(shown), known)) throw new Refusal('REGISTRY_TOKEN_NEEDED', 'the token is not known here')
  }
}

/** Looks at all of them, whichever it is, in a time that says nothing about any. */
function isAmong(shown: Buffer, known: readonly Buffer[]): boolean {
  let found = false
  for (const one of known) found = timingSafeEqual(one, shown) || found
  return found
}

/** The tokens, as digests, whenever they are asked for. */
function tokensOf({ token, tokenFile }: WriteGuardOptions, warn: (text: string) => void): () => readonly Buffer[] {
  const given = token ?? (tokenFile === undefined ? process.env[tokenVariable] : undefined)
  const fixed = given === undefined || given === '' ? [] : [checked(given)]
  return tokenFile === undefined ? () => fixed : followFile(tokenFile, fixed, warn)
}

function followFile(path: string, fixed: readonly Buffer[], warn: (text: string) => void): () => readonly Buffer[] {
  let tokens = [...fixed, ...readTokens(path)]
  let readMs = performance.now()
  return () => {
    if (performance.now() - readMs < rereadMs) return tokens
    readMs = performance.now()
    try {
      tokens = [...fixed, ...readTokens(path)]
    } catch (thrown) {
      // Half written, or being replaced: what was good stays.
      warn(`the tokens of the registry cannot be read again: ${(thrown as Error).message}`)
    }
    return tokens
  }
}

function readTokens(path: string): Buffer[] {
  const lines = readFileSync(path, 'utf8').split('\n').map((line) => line.trim()).filter((line) => line !== '')
  if (lines.length === 0) throw new Error(`${path} has no token`)
  return lines.slice(0, mostTokens).map(checked)
}

function checked(token: string): Buffer {
  if (token.length < leastTokenLength || /\s/.test(token)) throw new TypeError(`a token has at least ${leastTokenLength} characters and no spaces; make one with: openssl rand -hex 32`)
  return digest(token)
}

/** Of one length, whatever the token's. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return loopback.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}

// Tokens that a request may show as `Authorization: Bearer …`: from an option, a file that is followed, or the environment.
import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'

export interface BearerTokenOptions {
  /** The token itself: 16 characters or more, without spaces. */
  readonly token?: string
  /** A file with tokens, 1 to 100, one a line; read again when a request comes and it was read more than a second ago. Relative to the working directory. */
  readonly tokenFile?: string
}

/** Does a request know a token? Compared in a time that says nothing about any of them. */
export interface BearerTokens {
  /** No token was given: whoever asks decides what that means. */
  readonly isEmpty: boolean
  /** @param authorization the header field. Answers undefined if it shows one of the tokens, or else why not, for people */
  refusal(authorization: string | undefined): string | undefined
}

/** A token that can be guessed is none. */
const leastLength = 16
const mostTokens = 100
const rereadMs = 1000

/**
 * @param variable the environment variable that is looked into when there is neither option
 * @param warn told when the file cannot be read again; what was good stays
 * @throws TypeError for tokens that are too short, Error for a file that cannot be read or has none
 */
export function bearerTokens(options: BearerTokenOptions, variable: string, warn: (text: string) => void): BearerTokens {
  const { token, tokenFile } = options
  const given = token ?? (tokenFile === undefined ? process.env[variable] : undefined)
  const fixed = given === undefined || given === '' ? [] : [checked(given)]
  const known = tokenFile === undefined ? () => fixed : followFile(tokenFile, fixed, warn)
  return {
    isEmpty: fixed.length === 0 && tokenFile === undefined,
    refusal(authorization) {
      const shown = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
      if (shown === undefined) return 'send it as "Authorization: Bearer …"'
      return isAmong(digest(shown), known()) ? undefined : 'the token is not known here'
    },
  }
}

/** Looks at all of them, whichever it is. */
function isAmong(shown: Buffer, known: readonly Buffer[]): boolean {
  let found = false
  for (const one of known) found = timingSafeEqual(one, shown) || found
  return found
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
      warn((thrown as Error).message)
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
  if (token.length < leastLength || /\s/.test(token)) throw new TypeError(`a token has at least ${leastLength} characters and no spaces; make one with: openssl rand -hex 32`)
  return digest(token)
}

/** Of one length, whatever the token's. */
function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

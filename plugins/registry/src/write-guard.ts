// Who may change the registry: whoever knows a token, or with leave anybody on this machine.
import { BlockList, isIPv6 } from 'node:net'
import { bearerTokens, type BearerTokenOptions } from '@meshwright/core'
import { Refusal } from './refusal.ts'

export interface WriteGuardOptions extends BearerTokenOptions {
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

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * Makes the check of all writes; it throws Refusal REGISTRY_TOKEN_NEEDED or REGISTRY_WRITES_OFF, or does nothing.
 * @throws TypeError for tokens that are too short, Error for a file that cannot be read
 */
export function writeGuard(options: WriteGuardOptions, warn: (text: string) => void): (writer: Writer) => void {
  const tokens = bearerTokens(options, tokenVariable, (reason) => warn(`the tokens of the registry cannot be read again: ${reason}`))
  const { allowLoopbackWrites = false } = options
  return ({ authorization, remoteAddress, localAddress }) => {
    if (allowLoopbackWrites && isLoopback(remoteAddress) && isLoopback(localAddress)) return
    if (tokens.isEmpty) throw new Refusal('REGISTRY_WRITES_OFF', `it has no token: give the plugin @meshwright/registry a token or tokenFile, set ${tokenVariable}, or say allowLoopbackWrites`)
    const refusal = tokens.refusal(authorization)
    if (refusal !== undefined) throw new Refusal('REGISTRY_TOKEN_NEEDED', refusal)
  }
}

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return loopback.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}

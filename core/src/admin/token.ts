// Who may see the configuration and change the state of a mesh by its admin API.
import type { RouteShorthandOptions } from 'fastify'
import { bearerTokens, type BearerTokenOptions, type BearerTokens } from '../bearer-tokens.ts'
import { MeshError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { isLoopback } from './guard.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Whether a request to this route of the admin API must show the admin token, if there is one. Default: whether its method is another
     * than GET, HEAD and OPTIONS. False for routes with a guard of their own.
     */
    adminToken?: boolean
  }
}

/** Where the token is looked for when no option says. */
export const adminTokenVariable = 'MESHWRIGHT_ADMIN_TOKEN'

/** For a route that only reads, and shows what not everybody may see. */
export const needsToken: RouteShorthandOptions = { config: { adminToken: true } }

const reading: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The parts of a request that decide. */
interface Asked {
  readonly method: string
  readonly headers: { readonly authorization?: string | undefined }
  readonly routeOptions: { readonly config: { readonly adminToken?: boolean } }
}

/**
 * Makes the check of one admin address; it answers why a request is refused, or undefined. Without a token nobody is refused.
 * @throws MESH_BAD_OPTIONS for a token that cannot be used, and for none where others than this machine reach the address
 */
export function tokenGuard(host: string, options: BearerTokenOptions, log: Logger): (request: Asked) => string | undefined {
  const tokens = tokensOf(options, log)
  if (tokens.isEmpty && !isLoopback(host)) {
    throw new MeshError(
      'MESH_BAD_OPTIONS',
      `the admin address ${host} is reached from other machines, which could drain the mesh and read its configuration: give admin.tokenFile or admin.token, set ${adminTokenVariable}, or bind it to 127.0.0.1`,
    )
  }
  if (tokens.isEmpty) return () => undefined
  return ({ method, headers, routeOptions: { config } }) => ((config.adminToken ?? !reading.has(method)) ? tokens.refusal(headers.authorization) : undefined)
}

function tokensOf(options: BearerTokenOptions, log: Logger): BearerTokens {
  try {
    return bearerTokens(options, adminTokenVariable, (reason) => log.warn({ reason }, 'the tokens of the admin API cannot be read again'))
  } catch (thrown) {
    throw new MeshError('MESH_BAD_OPTIONS', `the token of the admin API: ${(thrown as Error).message}`, thrown)
  }
}

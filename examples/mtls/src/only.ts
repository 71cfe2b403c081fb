// A filter that lets only some workloads pass, by the SPIFFE id in the certificate that they have shown.
import { type Filter, reply } from '@meshwright/core'

export function only(...spiffeIds: readonly string[]): Filter {
  const allowed = new Set<string | undefined>(spiffeIds)
  return {
    name: 'only',
    onRequestHeaders({ request }) {
      // The listener has verified the certificate; what is decided here is whether this one may.
      const id = request.peerCertificate?.spiffeId
      return id !== undefined && allowed.has(id) ? undefined : reply(403, `${request.peerCertificate?.principal ?? 'nobody'} may not ask here\n`)
    },
  }
}

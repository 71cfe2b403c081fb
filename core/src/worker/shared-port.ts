// Whether several threads can listen on one port, and whether nobody else already does.
import { createServer } from 'node:net'
import { MeshError } from '../errors.ts'
import { parseAddress } from '../static-discovery.ts'

/** Systems that spread connections over sockets with SO_REUSEPORT, as Node knows them. */
export function canSharePorts(platform: string = process.platform): boolean {
  return ['linux', 'freebsd', 'dragonfly', 'sunos', 'aix'].includes(platform)
}

/**
 * Opens an address alone, and closes it again. With SO_REUSEPORT another program of the same user could listen there
 * already, and would silently get half of the connections.
 * @throws MESH_LISTEN_FAILED
 */
export async function checkFree(address: string): Promise<void> {
  const { host, port } = parseAddress(address)
  if (port === 0) return
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, resolve)
    })
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new MeshError('MESH_LISTEN_FAILED', `${address}: ${code === 'EADDRINUSE' ? 'the port is in use' : message}`, cause)
  }
  await new Promise((resolve) => server.close(resolve))
}

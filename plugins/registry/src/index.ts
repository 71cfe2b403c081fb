// The door: provides the discovery `registry`, and the registry itself on the admin API.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { addRegistryRoutes } from './api.ts'
import { defaultFile, EmbeddedRegistry, registryDiscovery, type RegistryDiscoveryOptions, type RegistryOptions } from './registry.ts'
import { tokenVariable, writeGuard, type WriteGuardOptions } from './write-guard.ts'

function whole(minimum: number, maximum: number, description: string): TSchema {
  return Type.Optional(Type.Integer({ minimum, maximum, description }))
}

const options: TSchema = Type.Object(
  {
    file: Type.Optional(Type.String({ minLength: 1, description: `The registry's file; :memory: keeps nothing. Default ${defaultFile}.` })),
    token: Type.Optional(Type.String({ minLength: 16, description: `What a write must show. Default: ${tokenVariable}.` })),
    tokenFile: Type.Optional(Type.String({ minLength: 1, description: 'A file with tokens, one a line; read again when it has changed.' })),
    allowLoopbackWrites: Type.Optional(Type.Boolean({ description: 'Writes from this machine need no token while the admin API is on loopback. Default false.' })),
    maxInstances: whole(1, 1_000_000, 'Instances of all services. Default 10000.'),
    maxServices: whole(1, 100_000, 'Services. Default 1000.'),
    maxWatchers: whole(1, 10_000, 'Who may follow services at a time. Default 200.'),
    keepAliveMs: whole(100, 300_000, 'Milliseconds between two signs of life to a watcher. Default 15000.'),
    stallMs: whole(10, 300_000, 'A watcher that has not taken an event after this many milliseconds is dropped. Default 10000.'),
    settleMs: whole(0, 3_600_000, 'How long a registry that begins with nothing waits for those it has not heard of. Milliseconds; default 30000.'),
  },
  { additionalProperties: false },
)

const discovery: TSchema = Type.Object(
  {
    url: Type.Optional(Type.String({ pattern: '^https?://', description: 'A registry on another machine, http://host:9901. Default: the registry of this mesh.' })),
    service: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'The service there. Default: the name of the service here.' })),
    silenceMs: whole(100, 3_600_000, 'A stream that is silent for so many milliseconds is taken for dead. Default 45000.'),
    maxEventLength: whole(1000, 1_073_741_824, 'Longest event that is taken, in characters. Default 16777216.'),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin<RegistryOptions & WriteGuardOptions> = definePlugin({ name: '@meshwright/registry', mesh: '^0.1.0', options }, (mesh, given) => {
  const { log, metrics } = mesh
  const embedded = new EmbeddedRegistry(given, { log, metrics })
  mesh.provide('discovery', 'registry', (asked: RegistryDiscoveryOptions | undefined) => registryDiscovery(asked ?? {}, { log, metrics }, embedded), discovery)
  if (mesh.side === 'data') return
  const checkWrite = writeGuard(given, (text) => log.warn({}, text))
  mesh.onAdmin((admin) => addRegistryRoutes(admin, { open: () => embedded.open(), checkWrite, failed: (error) => log.error({ err: error, code: 'REGISTRY_STORE_FAILED' }, error.message) }))
  mesh.onClose(() => embedded.close())
})

export default plugin
export { EmbeddedRegistry, registryDiscovery, type RegistryDiscoveryOptions, type RegistryHost, type RegistryOptions } from './registry.ts'

// createMesh: a Fastify instance with a mesh in it.
import { createRequire } from 'node:module'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Server } from './listener/http1.ts'
import { silent, type Logger } from './logger.ts'
import { addReplyProxy } from './reply-proxy.ts'
import { Runtime, type RuntimeOptions } from './runtime.ts'
import { Mesh, Scope } from './scope.ts'
import type { ListenerSpec } from './spec.ts'

// Here and not in reply-proxy.ts: the types of that file would not reach those who import this package.
declare module 'fastify' {
  interface FastifyInstance {
    /** The mesh of this scope. */
    mesh: Mesh
  }

  interface FastifyReply {
    /**
     * Forwards the request to a service through @fastify/reply-from: Fastify's hooks, schemas and reply apply, the mesh's
     * routes and filters do not. Balancing, admission and outlier detection do; there is no retry, and of the timeouts the
     * longer of `responseHeadersMs` and `responseIdleMs` counts for both waits.
     * Costs about twice the CPU of a mesh route.
     * @param service a service of this mesh; an unknown one throws MESH_UNKNOWN_SERVICE
     * @param path the path upstream; default: that of the request
     */
    proxy(service: string, path?: string): FastifyReply
  }
}

/** Fastify's own options, and those of the mesh. */
export interface CreateMeshOptions extends FastifyServerOptions<Server> {
  /** The listener that `app.listen` opens. Its address is given to `listen`. */
  readonly listener?: Omit<Partial<ListenerSpec>, 'address' | 'reusePort' | 'identity'>
  /** Whether Fastify routes may use `reply.proxy`. Default true; a mesh without routes of its own saves 5 MB of heap a thread. */
  readonly replyProxy?: boolean
  /** How long exchanges may take to end when the app closes. Milliseconds; default 30000. */
  readonly drainMs?: number
  /** For the supervisor and its threads. */
  readonly runtime?: Partial<RuntimeOptions>
}

/** Loaded when the first mesh is made: threads of isolated filters use the core without one, and it takes a fifth of their start. */
function load(): typeof import('fastify') {
  return createRequire(import.meta.url)('fastify') as typeof import('fastify')
}

/** A Fastify instance whose `mesh` carries requests. */
export type MeshApp = FastifyInstance<Server>

/**
 * Makes a mesh. Routes of the mesh are looked at first; what none of them matches is Fastify's.
 * A proxied request passes neither Fastify's hooks nor its logger nor its reply.
 */
export function createMesh(options: CreateMeshOptions = {}): MeshApp {
  const { listener = {}, replyProxy = true, drainMs, runtime: runtimeOptions, ...fastifyOptions } = options
  let runtime: Runtime | undefined
  const app: MeshApp = load().fastify<Server>({
    ...fastifyOptions,
    // Fastify's own handler would write a 400 into whatever is under way on the connection; the listener answers those.
    clientErrorHandler: () => {},
    serverFactory: (handler) => (runtime ??= new Runtime({ log: lateLogger(() => app), ...runtimeOptions })).listeners.create(listener, handler),
  })
  const root = new Scope()
  const living = runtime ?? new Runtime({ log: lateLogger(() => app), ...runtimeOptions })
  app.decorate('mesh', new Mesh(living, root))
  app.addHook('onRegister', (instance) => {
    // An own property of the child, so that its filters stay its own.
    instance.mesh = instance.mesh.fork()
  })
  if (replyProxy) addReplyProxy(app)
  app.addHook('onReady', async () => {
    living.ready(root)
    // Not before: Fastify's router throws while the app is still being put together.
    living.listeners.fallback = (message, response) => app.routing(message, response)
  })
  app.addHook('preClose', async () => living.drain(drainMs))
  app.addHook('onClose', async () => living.close(drainMs))
  return app
}

/** Fastify's logger, which is there only after the server has been made. */
function lateLogger(app: () => MeshApp | undefined): Logger {
  const log = (level: keyof Logger) => (details: object, text: string) => (app()?.log as Logger | undefined ?? silent)[level](details, text)
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
}

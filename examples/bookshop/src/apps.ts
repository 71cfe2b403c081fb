// The apps of the bookshop and where each of them listens unless told otherwise.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** The ports of mesh.yaml, by app. */
export const defaultPorts = {
  front: 9080,
  'catalog-v1': 9081,
  'catalog-v2': 9082,
  'reviews-1': 9083,
  'reviews-slow': 9084,
  'reviews-shaky': 9085,
  orders: 9086,
} as const

export type AppName = keyof typeof defaultPorts

export const appNames: readonly AppName[] = Object.keys(defaultPorts) as AppName[]

/** What an app's thread is started with. */
export interface AppThreadData {
  readonly name: AppName
  readonly port: number
}

/** Where the mesh is, each as `http://host:port`. */
export interface MeshAddress {
  readonly shop: string
  readonly admin: string
}

/** The running apps, each in a thread of its own. */
export interface Apps {
  /** Where each app listens on 127.0.0.1. */
  readonly ports: Readonly<Record<AppName, number>>
  /** Tells the apps where the mesh is. Resolves when those have registered that do. */
  meshIsAt(mesh: MeshAddress): Promise<void>
  close(): Promise<void>
}

/** Starts every app, or none. @param freePorts listen on free ports instead of those of mesh.yaml */
export async function startApps({ freePorts = false }: { readonly freePorts?: boolean } = {}): Promise<Apps> {
  const threads = appNames.map((name) => startThread({ name, port: freePorts ? 0 : defaultPorts[name] }))
  const close = async (): Promise<void> => void (await Promise.all(threads.map((thread) => thread.terminate())))
  try {
    const ports = await Promise.all(threads.map(portOf))
    return {
      ports: Object.fromEntries(appNames.map((name, i) => [name, ports[i]])) as Record<AppName, number>,
      meshIsAt: async ({ shop, admin }) => void (await Promise.all(threads.map((thread) => tell(thread, { shop, admin })))),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function startThread(data: AppThreadData): Worker {
  return new Worker(new URL('app-thread.ts', import.meta.url), { workerData: data })
}

async function tell(thread: Worker, mesh: MeshAddress): Promise<void> {
  const registered = once(thread, 'message')
  thread.postMessage(mesh)
  await registered
}

/** A thread tells its port when it listens, and rejects this with its error when it cannot. */
async function portOf(thread: Worker): Promise<number> {
  const [port] = (await once(thread, 'message')) as [number]
  return port
}

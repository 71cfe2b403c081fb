// What the tests of the whole plugin share: a mesh with a registry, its API, and its events.
import { runMesh, type MeshSpec, type RunningMesh } from '@meshwright/core'
import { once } from 'node:events'
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished, vi } from 'vitest'
import { EventParser, type ServerEvent } from './event-parser.ts'
import type { RegistryOptions } from './registry.ts'
import type { WriteGuardOptions } from './write-guard.ts'

export const token = 'the-token-of-all-these-tests'
const door = new URL('./index.ts', import.meta.url).href

export interface Told {
  readonly level: string
  readonly text: string
  readonly details: Record<string, unknown>
}

/** A mesh with this plugin; its registry is in memory unless told otherwise, and takes the token of these tests. */
export interface TestRun {
  readonly mesh: RunningMesh
  readonly adminUrl: string
  /** The first listener. */
  readonly url: string
  readonly told: Told[]
  api(path: string, options?: ApiOptions): Promise<ApiAnswer>
}

export interface ApiOptions {
  readonly method?: string
  readonly body?: unknown
  /** Undefined: that of these tests; empty: none. */
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface ApiAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: Record<string, unknown>
}

export async function startRun(spec: MeshSpec = {}, options: RegistryOptions & WriteGuardOptions = {}, adminAddress = '127.0.0.1:0'): Promise<TestRun> {
  const told: Told[] = []
  const tell = (level: string) => (details: object, text: string) => void told.push({ level, text, details: details as Record<string, unknown> })
  const mesh = await runMesh(
    { listeners: [{ address: '127.0.0.1:0' }], routes: [{ to: 'catalog' }], services: { catalog: { discovery: 'registry' } }, ...spec },
    { plugins: [{ module: door, options: { file: ':memory:', token, ...options } }], adminAddress, log: { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') } },
  )
  onTestFinished(async () => mesh.close())
  const adminUrl = mesh.adminUrl ?? ''
  return { mesh, adminUrl, url: mesh.listeners[0]?.url ?? '', told, api: async (path, more) => askApi(adminUrl, path, more) }
}

/** Asks a registry's API; `path` stands below /v1/registry. */
export async function askApi(adminUrl: string, path: string, { method, body, token: shown = token, headers = {} }: ApiOptions = {}): Promise<ApiAnswer> {
  const all = { ...(shown !== '' && { authorization: `Bearer ${shown}` }), ...(body !== undefined && { 'content-type': 'application/json' }), ...headers }
  const asking = request(`${adminUrl}${path.startsWith('/v1/') ? path : `/v1/registry${path}`}`, { method: method ?? (body === undefined ? 'GET' : 'POST'), headers: all, agent: false })
  asking.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  let text = ''
  for await (const part of response.setEncoding('utf8')) text += part as string
  return { status: response.statusCode ?? 0, headers: response.headers, text, json: (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown> }
}

/** A watcher of a service; it reads as long as it is not paused. */
export interface Followed {
  readonly response: IncomingMessage
  readonly events: ServerEvent[]
  /** The hosts of the newest event. */
  hosts(): string
  close(): void
}

export async function follow(adminUrl: string, service: string, lastId?: string): Promise<Followed> {
  const asking = request(`${adminUrl}/v1/registry/watch?service=${service}`, { headers: lastId === undefined ? {} : { 'last-event-id': lastId }, agent: false })
  asking.end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  asking.on('error', () => {})
  response.on('error', () => {})
  const events: ServerEvent[] = []
  const parser = new EventParser(100_000_000, (event) => void events.push(event))
  response.setEncoding('utf8').on('data', (text: string) => parser.push(text))
  onTestFinished(() => void asking.destroy())
  const hosts = (): string => {
    const { instances } = JSON.parse(events.at(-1)?.data ?? '{"instances":[]}') as { instances: { address: string }[] }
    return instances.map(({ address }) => address.split(':')[0]).join(' ')
  }
  return { response, events, hosts, close: () => void asking.destroy() }
}

/** A real endpoint that answers with a text, unless told otherwise. */
export async function endpoint(text: string, listener: RequestListener = (_request, response) => void response.end(text)): Promise<{ address: string; url: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { address, url: `http://${address}` }
}

export async function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 30_000, interval: 5 })
}

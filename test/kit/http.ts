// Short ways to write HTTP/1.1 messages and to state what must become of the bad ones.
import { expect } from 'vitest'
import type { RawRequest, RawResponse } from './message.ts'
import type { RawEndpoint } from './raw-endpoint.ts'
import { type TestMesh, seenBy } from './start-mesh.ts'

/** A message: its lines joined by CRLF, an empty line, a body. */
export function http(head: readonly string[], body = ''): string {
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** A GET with a Host and more fields. */
export function get(target: string, ...fields: readonly string[]): string {
  return http([`GET ${target} HTTP/1.1`, 'Host: test.example', ...fields])
}

/** A POST with a Host, a Content-Length and more fields. */
export function post(target: string, body: string, ...fields: readonly string[]): string {
  return http([`POST ${target} HTTP/1.1`, 'Host: test.example', `Content-Length: ${body.length}`, ...fields], body)
}

/** A response with a Content-Length. */
export function answer(status: string, body = '', ...fields: readonly string[]): string {
  return http([`HTTP/1.1 ${status}`, `Content-Length: ${body.length}`, ...fields], body)
}

/** A request that must not look like one of ours: where a desync would show. */
export const smuggled: string = get('/smuggled')

/**
 * Sends bytes on a connection of their own, followed by a request that a desync would let through: they must be
 * answered with one of the statuses, the connection closed, and nothing reach the endpoint.
 */
export async function expectRefused(mesh: TestMesh, endpoint: RawEndpoint, bytes: string, ...statuses: readonly number[]): Promise<RawResponse> {
  const before = (await seenBy(mesh, endpoint)).length
  const wire = (await mesh.connect()).send(bytes)
  const response = await wire.response()
  expect(statuses, `the status for ${JSON.stringify(bytes.slice(0, 200))}`).toContain(response.status)
  await wire.closed
  expect(wire.rest.toString('latin1'), 'more answers on the connection').toBe('')
  const seen = await seenBy(mesh, endpoint)
  expect(seen.slice(before).map((request) => request.head), `what reached the endpoint of ${JSON.stringify(bytes.slice(0, 200))}`).toEqual([])
  return response
}

/** The error code in a problem reply. */
export function codeOf(response: RawResponse): string {
  return (JSON.parse(response.body.toString()) as { code: string }).code
}

/** Sends a request that must pass, and gives what the endpoint received of it. */
export async function forwarded(mesh: TestMesh, endpoint: RawEndpoint, bytes: string, method?: string): Promise<RawRequest> {
  const before = (await seenBy(mesh, endpoint)).length
  const { response } = await mesh.ask(bytes, method)
  expect(response.status, response.body.toString()).toBe(200)
  const seen = await seenBy(mesh, endpoint)
  expect(seen.length).toBe(before + 1)
  return seen[before] as RawRequest
}

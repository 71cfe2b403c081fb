// A listener that speaks TLS takes key and certificate from its identity, now and after each rotation.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { connect } from 'node:tls'
import { closeAll, mesh } from '../mesh.test.kit.ts'
import type { Identity, KeyPair, TlsMaterial } from '../questions.ts'
import type { MeshError } from '../errors.ts'
import { watchIdentity } from './watch.ts'

afterEach(closeAll)
afterEach(() => void vi.useRealTimers())

// Made for these tests, known to everybody, good for nothing else.
const first = material({
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFipXxh9C0z76iTEC
U2hMezdU3IRBzsGxVAJb25qQDjmhRANCAARe5AoT+MWvWYrLwDnmc9rGCdbkzujl
Om/Mz40UJU7lOrA4EYJyDSwfV3QZ/YkG0U3jyPCmBr0EG/u2i6RVEIoH
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBljCCATugAwIBAgIUYc0QLZ2dZAWUK4+tRFPu2vCDRCowCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJdW5pdC50ZXN0MCAXDTI2MTEyMDE1MjYxM1oYDzIxMjYxMDI3
MTUyNjEzWjAUMRIwEAYDVQQDDAl1bml0LnRlc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARe5AoT+MWvWYrLwDnmc9rGCdbkzujlOm/Mz40UJU7lOrA4EYJyDSwf
V3QZ/YkG0U3jyPCmBr0EG/u2i6RVEIoHo2kwZzAdBgNVHQ4EFgQU0BQv7jUUY6mw
kCuIikNdRB46+VMwHwYDVR0jBBgwFoAU0BQv7jUUY6mwkCuIikNdRB46+VMwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALggl1bml0LnRlc3QwCgYIKoZIzj0EAwID
SQAwRgIhAIcc14eiQdOZ/7g4sVsnjsAtyjCXVbmGDKF1XafkLas7AiEAxPiDQ7R+
aSdpnc+Yt29cODOmUaCni94hjmWkKoQo5mg=
-----END CERTIFICATE-----`,
})
const rotated = material({
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggCjCPid8TcQmR0LH
K0RJs+fdZIkgV/Y0i+qQFR9LLjGhRANCAATfCdSUs3uGCuMn3Oxu//3uQn7qNLLa
68TaGN+nzHgi9tYyF+CH/XjGk5FFqeu0bTeikYj/+U2ZgF0oWmfN/D6U
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUPjUUCnsNQOxTLw+AKO3+BvA+a+IwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMcm90YXRlZC50ZXN0MCAXDTI2MTEyMDE1MjYxM1oYDzIxMjYx
MDI3MTUyNjEzWjAXMRUwEwYDVQQDDAxyb3RhdGVkLnRlc3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAATfCdSUs3uGCuMn3Oxu//3uQn7qNLLa68TaGN+nzHgi9tYy
F+CH/XjGk5FFqeu0bTeikYj/+U2ZgF0oWmfN/D6Uo1MwUTAdBgNVHQ4EFgQUgDfi
h+zFk+Q88WsycSJao4YlyXYwHwYDVR0jBBgwFoAUgDfih+zFk+Q88WsycSJao4Yl
yXYwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAvplN0Sx08v1k
57gQKdU8Y1oxi0MW9HPHGLo3FQQEJRICIDT1Ka0CmOsbtP2VZqZOmuLmJGP3bywh
9iXg3LGrb5z3
-----END CERTIFICATE-----`,
})

function material(pair: KeyPair): TlsMaterial {
  return { certificates: [pair] }
}

/** An identity that the test publishes through. */
class Played implements Identity {
  publish: (material: TlsMaterial) => void = () => {}
  stops = 0

  watch(publish: (material: TlsMaterial) => void): () => void {
    this.publish = publish
    publish(first)
    return () => void this.stops++
  }
}

/** Asks over TLS; answers the name in the certificate and the first line of the response. */
function askSecurely(port: number): Promise<{ name: string; line: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))
    let name = ''
    let text = ''
    socket.on('secureConnect', () => (name = String(socket.getPeerCertificate().subject.CN)))
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.on('end', () => resolve({ name, line: text.split('\r\n')[0] ?? '' }))
    socket.on('error', reject)
  })
}

describe('a listener with an identity', () => {
  test('speaks TLS, takes a rotated certificate for new connections, and lets go of the identity when it closes', async () => {
    const { app } = mesh()
    const identity = new Played()
    app.mesh.add({ match: { path: '/' }, reply: { status: 204 } })
    await app.ready()
    const { port, url } = await app.mesh.listen({ address: '127.0.0.1:0', identity })
    expect(url).toBe(`https://127.0.0.1:${port}`)
    expect(await askSecurely(port)).toEqual({ name: 'unit.test', line: 'HTTP/1.1 204 No Content' })
    identity.publish(rotated)
    expect((await askSecurely(port)).name).toBe('rotated.test')
    await app.close()
    await expect.poll(() => identity.stops).toBe(1)
  })

  test('keeps the certificate it has when a rotation brings one that cannot be used', async () => {
    const { app, errors } = mesh()
    const identity = new Played()
    app.mesh.add({ match: { path: '/' }, reply: { status: 204 } })
    await app.ready()
    const { port } = await app.mesh.listen({ address: '127.0.0.1:0', name: 'public', identity })
    identity.publish({ certificates: [{ ...first.certificates[0], key: 'nonsense' } as KeyPair] })
    expect((await askSecurely(port)).name).toBe('unit.test')
    expect(errors.join('')).toMatch(/MESH_PLUGIN_FAILED.*public/)
  })

  test.each([
    ['throws', () => { throw new Error('no luck') }],
    ['rejects', () => Promise.reject(new Error('no luck'))],
  ])('whose identity %s is not opened', async (_name, watch) => {
    const { app } = mesh()
    await app.ready()
    await expect(app.mesh.listen({ address: '127.0.0.1:0', identity: { watch } })).rejects.toMatchObject({ code: 'MESH_IDENTITY_FAILED' })
  })
})

describe('an identity', () => {
  const events = (): { use: (material: TlsMaterial) => void; failed: (error: MeshError) => void; used: TlsMaterial[]; failures: MeshError[] } => {
    const used: TlsMaterial[] = []
    const failures: MeshError[] = []
    return { used, failures, use: (material) => void used.push(material), failed: (error) => void failures.push(error) }
  }

  test('that publishes nothing is waited for ten seconds, and stopped then', async () => {
    vi.useFakeTimers()
    let stops = 0
    const opened = watchIdentity('public', { watch: () => () => void stops++ }, events()).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await opened).toMatchObject({ code: 'MESH_IDENTITY_FAILED', message: expect.stringContaining('public') })
    expect([stops, vi.getTimerCount()]).toEqual([1, 0])
  })

  test.each([
    ['throws', () => { throw new Error('no luck') }],
    ['rejects', () => Promise.reject(new Error('no luck'))],
  ])('that %s when it is stopped is told to the log', async (_name, halt) => {
    const told = events()
    const stop = await watchIdentity('public', { watch: (publish) => (publish(first), halt) }, told)
    stop()
    await vi.waitFor(() => expect(told.failures.map((error) => error.code)).toEqual(['MESH_PLUGIN_FAILED']), { timeout: 30_000 })
  })

  test('that was stopped is not heard any more', async () => {
    const told = events()
    const identity = new Played()
    const stop = await watchIdentity('public', identity, told)
    stop()
    identity.publish(rotated)
    expect(told.used).toEqual([first])
  })
})

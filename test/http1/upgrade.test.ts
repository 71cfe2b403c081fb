// Upgrades: a tunnel only after a 101 that was asked for (rules 58 to 61).
import { describe, expect, test } from 'vitest'
import { type Wire, answer, answeringEndpoint, codeOf, forwarded, get, http, ok, rawEndpoint, seenBy, smuggled, startMesh, until } from '../kit/index.ts'

const upgrade = (protocol = 'chat', ...fields: string[]): string => get('/up', 'Connection: Upgrade', `Upgrade: ${protocol}`, ...fields)
const switching = http(['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: chat'])

/** Accepts the upgrade and says hello in the new protocol. */
async function accept(wire: Wire): Promise<void> {
  await wire.requestHead()
  wire.send(`${switching}welcome`)
}

describe('rule 58: 101', () => {
  test('that was asked for opens a tunnel, both ways', async () => {
    const endpoint = await rawEndpoint(accept)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(upgrade())
    const response = await client.response()
    expect([response.status, response.one('upgrade')?.toLowerCase(), response.one('connection')?.toLowerCase()]).toEqual([101, 'chat', 'upgrade'])
    await client.untilText('welcome')
    client.send('\x00raw bytes\xff')
    await (await endpoint.connection()).untilText('\x00raw bytes\xff')
  })

  test('that nobody asked for is a 502', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.request()
      wire.send(`${switching}${ok}`)
    })
    const mesh = await startMesh(endpoint)
    const { response } = await mesh.ask(get('/'))
    expect([response.status, codeOf(response)]).toEqual([502, 'MESH_UPSTREAM_PROTOCOL'])
  })

  test('for another protocol than the one asked for is a 502', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.send(http(['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: other']))
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(upgrade())
    expect((await client.response()).status).toBe(502)
  })

  test('the request that reaches the endpoint asks for the upgrade once, and properly', async () => {
    const endpoint = await rawEndpoint(accept)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(upgrade('chat', 'X-A: 1'))
    await client.response()
    const text = (await endpoint.connection()).text
    expect(text.match(/^upgrade: chat\r$/gim)).toHaveLength(1)
    expect(text.match(/^connection: upgrade\r$/gim)).toHaveLength(1)
    expect(text).toMatch(/^x-forwarded-for: /im)
  })
})

describe('rule 59: bytes before the 101', () => {
  test('stay where they are until the endpoint has switched', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      await new Promise((resolve) => setImmediate(resolve))
      expect(wire.rest.toString()).toBe('')
      wire.send(switching)
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(`${upgrade()}early bytes`)
    expect((await client.response()).status).toBe(101)
    await (await endpoint.connection()).untilText('early bytes')
    expect(endpoint.problems).toEqual([])
  })

  test('a 200 instead of the 101 is an ordinary response, and what follows is no tunnel', async () => {
    const endpoint = await answeringEndpoint(ok)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(`${upgrade()}${smuggled}`)
    expect((await client.response()).status).toBe(200)
    await Promise.race([client.closed, client.response()])
    const seen = await seenBy(mesh, endpoint)
    expect(seen[0]?.target).toBe('/up')
    for (const request of seen.slice(1)) expect(request.one('x-forwarded-for'), 'only what passed as a request of its own').toBe('127.0.0.1')
  })

  test.each([200, 204, 400, 403, 426, 502])('the refusal of an endpoint with %i reaches the client', async (status) => {
    const endpoint = await answeringEndpoint(status === 204 ? 'HTTP/1.1 204 No Content\r\n\r\n' : answer(`${status} Refused`, 'no'))
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(upgrade())
    expect((await client.response()).status).toBe(status)
  })

  test('an endpoint that closes instead of answering is a 502', async () => {
    const endpoint = await rawEndpoint(async (wire) => {
      await wire.requestHead()
      wire.halfClose()
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(upgrade())
    expect((await client.response()).status).toBe(502)
  })

  test('an upgrade request with a body loses neither the body nor its end', async () => {
    const endpoint = await answeringEndpoint(ok)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(['POST /up HTTP/1.1', 'Host: test.example', 'Connection: Upgrade', 'Upgrade: chat', `Content-Length: ${smuggled.length}`], smuggled))
    const response = await client.response()
    const seen = await seenBy(mesh, endpoint)
    expect(seen.filter((request) => request.target === '/smuggled')).toEqual([])
    if (response.status === 200) expect(seen[0]?.body.toString()).toBe(smuggled)
    else expect([response.status >= 400, seen]).toEqual([true, []])
  })

  test('an upgrade passes the same filters as any request', async () => {
    const endpoint = await rawEndpoint(accept)
    const mesh = await startMesh(endpoint, { setup: (app) => app.mesh.add({ match: { path: '/up' }, reply: { status: 403 } }) })
    const client = (await mesh.connect()).send(`${upgrade()}early`)
    expect((await client.response()).status).toBe(403)
    expect(endpoint.wires.length).toBe(0)
  })
})

describe('rule 73: an upgrade behind other requests of the same connection', () => {
  test('is carried out when the request before it has been answered', async () => {
    let release = false
    const endpoint = await rawEndpoint(async (wire) => {
      const request = await wire.requestHead()
      if (request.target === '/up') return void wire.send(`${switching}welcome`)
      await until(() => release, 'the upgrade to have had its chance')
      wire.send(answer('200 OK', 'the first'))
      if ((await wire.requestHead()).target === '/up') wire.send(`${switching}welcome`)
    })
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(`${get('/slow')}${upgrade()}`)
    await endpoint.connection()
    release = true
    const first = await client.response()
    expect([first.status, first.body.toString()]).toEqual([200, 'the first'])
    expect((await client.response()).status).toBe(101)
    await client.untilText('welcome')
  })
  test('is not executed behind one that was refused', async () => {
    const endpoint = await rawEndpoint(accept)
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(`${get('/a%2fb')}${upgrade()}`)
    expect((await client.response()).status).toBe(400)
    await client.closed
    expect([client.rest.toString(), endpoint.wires.length]).toEqual(['', 0])
  })
})

describe('rule 60: h2c', () => {
  test.each(['h2c', 'H2C', 'h2c, chat', 'h2', 'HTTP/2.0', 'websocket, h2c'])('Upgrade: %s is never passed on', async (protocol) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(get('/up', 'Connection: Upgrade, HTTP2-Settings', `Upgrade: ${protocol}`, 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'))
    expect([200, 400, 501]).toContain((await client.response()).status)
    for (const request of await seenBy(mesh, endpoint)) {
      expect(request.all('upgrade').join().toLowerCase()).not.toMatch(/h2|http/)
      expect(request.all('http2-settings')).toEqual([])
    }
  })
})

describe('rule 61: Upgrade without Connection: upgrade', () => {
  test('is an ordinary request without the field', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/', 'Upgrade: chat'))
    expect([request.all('upgrade'), request.all('connection').join().toLowerCase()]).toEqual([[], expect.not.stringContaining('upgrade') as string])
  })
  test('Connection: upgrade without Upgrade is an ordinary request', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const request = await forwarded(mesh, endpoint, get('/', 'Connection: upgrade'))
    expect(request.all('connection').join().toLowerCase()).not.toContain('upgrade')
  })
  test('an upgrade of an HTTP/1.0 request is not passed on', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(http(['GET /up HTTP/1.0', 'Host: test.example', 'Connection: Upgrade', 'Upgrade: chat']))
    await client.closed
    for (const request of await seenBy(mesh, endpoint)) expect(request.all('upgrade')).toEqual([])
  })
  test.each(['ch at', 'chat\x0b', 'a,b', '"chat"'])('Upgrade: %j, no single token, harms nobody', async (protocol) => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint)
    const client = (await mesh.connect()).send(upgrade(protocol))
    expect((await client.response()).status).toBeLessThan(502)
    await seenBy(mesh, endpoint)
  })
})

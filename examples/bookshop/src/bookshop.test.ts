import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { appNames, defaultPorts, startApps, type Apps } from './apps.ts'
import { makeCertificate } from './certificate.ts'
import { books } from './data.ts'
import { demonstrate, table, tally, total } from './demonstration.ts'
import { runMesh, type RunningMesh } from './mesh.ts'

const source = path.join(import.meta.dirname, '..', 'mesh.yaml')
// Beside mesh.yaml, as that names a plugin by its place.
const file = path.join(path.dirname(source), `mesh.test-${process.pid}.yaml`)
const isbn = books[0]?.isbn

let folder: string
let apps: Apps
let mesh: RunningMesh

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bookshop-'))
  apps = await startApps({ freePorts: true })
  await makeCertificate(path.join(path.dirname(source), 'certificates'))
  await writeFile(file, onFreePorts(await readFile(source, 'utf8')))
  mesh = await runMesh(file, path.join(folder, 'mesh.log'))
  await apps.meshIsAt(mesh)
  await mesh.serves('/catalog/books')
}, 180_000)

afterAll(async () => {
  await mesh?.stop()
  await apps.close()
  await rm(file, { force: true })
  await rm(folder, { recursive: true })
})

/** The same mesh, where nobody else listens, and with time for a busy machine. */
function onFreePorts(text: string): string {
  const fixed = text.replace('requestMs: 2000', 'requestMs: 30000').replace('127.0.0.1:8080', '127.0.0.1:0').replace('127.0.0.1:8443', '127.0.0.1:0').replace('127.0.0.1:9901', '127.0.0.1:0')
  return appNames.reduce((changed, name) => changed.replace(`127.0.0.1:${defaultPorts[name]}`, `127.0.0.1:${apps.ports[name]}`), fixed)
}

async function get(target: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(mesh.shop + target, { headers })
}

async function many(count: number, target: string, header: string): Promise<Map<string | null, Response[]>> {
  const responses = await Promise.all(Array.from({ length: count }, () => get(target)))
  return Map.groupBy(responses, (response) => response.headers.get(header))
}

describe('the bookshop', () => {
  it('shows a page that its front made by asking the mesh', async () => {
    const page = await (await get('/')).text()
    for (const { title } of books) expect(page).toContain(title)
    expect(page).toContain('4.5 of 5')
  })

  it('sends one request in ten to the new catalog', async () => {
    const by = await many(400, '/catalog/books', 'x-catalog')
    expect(new Set(by.keys())).toEqual(new Set(['v1', 'v2']))
    // Binomial: outside these bounds once in a hundred million runs.
    expect(by.get('v2')?.length).toBeGreaterThan(10)
    expect(by.get('v2')?.length).toBeLessThan(80)
  })

  it('sends those who ask for it to the new catalog every time', async () => {
    const responses = await Promise.all(Array.from({ length: 20 }, () => get(`/catalog/books/${isbn}`, { 'x-preview': 'v2' })))
    for (const response of responses) expect(await response.json()).toMatchObject({ isbn, price: '8.99 EUR' })
  })

  it('asks the quick endpoint for most reviews, hides the failures of one and gives it a rest', async () => {
    const responses: Response[] = []
    for (let i = 0; i < 120; i++) responses.push(await get(`/reviews/${isbn}`))
    expect(responses.filter(({ status }) => status !== 200)).toEqual([])
    const by = Map.groupBy(responses, (response) => response.headers.get('x-reviews'))
    expect(by.get('reviews-1')?.length).toBeGreaterThan(60)
    expect(total(await (await fetch(`${mesh.admin}/metrics`)).text(), 'mesh_attempts_total')).toBeGreaterThan(120)
  })

  it('answers over TLS as well', async () => {
    const shown = await demonstrate(mesh)
    expect(shown).toMatch(/https:\/\/127\.0\.0\.1:\d+\/ answered 200 over TLSv1\.3/)
  })

  it('takes an order and tells it again', async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ isbn, quantity: 2 }) }
    const taken = await fetch(`${mesh.shop}/orders`, init)
    expect(taken.status).toBe(201)
    expect(await (await get(taken.headers.get('location') ?? '')).json()).toMatchObject({ isbn, quantity: 2 })
  })

  it('has no route for what it does not sell', async () => {
    const response = await get('/cellar')
    expect(response.status).toBe(404)
    expect(await response.text()).toContain('MESH_NO_ROUTE')
  })

  it('demonstrates itself in a table, and logs and counts what it did', async () => {
    const shown = await demonstrate(mesh)
    expect(shown).toMatch(/GET \/catalog\/books .* 100 .*100 × 200 .*× v1, \d+ × v2/)
    expect(shown).toMatch(/a bad one .* 1 × (400|429)/)
    expect(shown).toMatch(/too many .* \d+ × 429/)
    const counted = total(await (await fetch(`${mesh.admin}/metrics`)).text(), 'mesh_requests_total')
    expect(counted).toBeGreaterThan(180)
    await mesh.stop()
    const log = await readFile(path.join(folder, 'mesh.log'), 'utf8')
    expect(log.split('\n').filter((line) => line.includes('"route":"catalog"')).length).toBeGreaterThan(400)
  })
})

describe('the demonstration', () => {
  it('counts values, the most frequent first', () => {
    expect(tally(['v1', 'v2', 'v1'])).toBe('2 × v1, 1 × v2')
  })

  it('aligns columns', () => {
    expect(table([['a', 'b'], ['long', 'c']])).toBe('a      b\nlong   c')
  })

  it('adds up a family of metrics and no other', () => {
    expect(total('x_total{a="1"} 2\nx_total{a="2"} 3\nx_total_more{a="1"} 9\n', 'x_total')).toBe(5)
  })
})

// A short demonstration: requests through the mesh, and a table of what became of them.
import { request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { RunningMesh } from './mesh.ts'

const isbn = '9780141439518'

interface Scene {
  /** What stands in the table. */
  readonly request: string
  readonly path: string
  readonly times: number
  readonly init?: RequestInit
  /** The response field that names who answered; default: nobody says so. */
  readonly by?: string
}

const scenes: readonly Scene[] = [
  { request: 'GET /catalog/books', path: '/catalog/books', times: 100, by: 'x-catalog' },
  { request: 'GET /catalog/books/… with x-preview: v2', path: `/catalog/books/${isbn}`, times: 10, init: { headers: { 'x-preview': 'v2' } }, by: 'x-catalog' },
  { request: 'GET /reviews/…', path: `/reviews/${isbn}`, times: 60, by: 'x-reviews' },
  { request: 'POST /orders', path: '/orders', times: 3, init: order({ isbn, quantity: 2 }) },
  { request: 'POST /orders, a bad one', path: '/orders', times: 1, init: order({ isbn, quantity: 0 }) },
  { request: 'POST /orders, too many', path: '/orders', times: 40, init: order({ isbn, quantity: 1 }) },
  { request: 'GET /cellar', path: '/cellar', times: 1 },
  { request: 'GET /', path: '/', times: 5 },
]

interface Outcome {
  readonly status: number
  readonly by: string | undefined
  readonly ms: number
}

/** Sends the requests and returns the table. */
export async function demonstrate({ shop, shopTls, admin }: Pick<RunningMesh, 'shop' | 'shopTls' | 'admin'>): Promise<string> {
  const rows = [['request', 'sent', 'answered', 'by', 'median']]
  for (const scene of scenes) rows.push(toRow(scene, await play(shop, scene)))
  return `\n${table(rows)}\n\n${await overTls(shopTls)}\n${await summary(admin)}\n`
}

function order(body: object): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

const clients = 5

/** Five clients, each of which sends its next request when the last one is answered. */
async function play(shop: string, scene: Scene): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let left = scene.times
  const client = async (): Promise<void> => {
    while (left-- > 0) outcomes.push(await send(shop, scene))
  }
  await Promise.all(Array.from({ length: clients }, client))
  return outcomes
}

async function send(shop: string, scene: Scene): Promise<Outcome> {
  const startedMs = performance.now()
  const response = await fetch(shop + scene.path, scene.init)
  await response.arrayBuffer()
  const by = scene.by === undefined ? undefined : (response.headers.get(scene.by) ?? 'the mesh')
  return { status: response.status, by, ms: performance.now() - startedMs }
}

function toRow(scene: Scene, outcomes: readonly Outcome[]): string[] {
  const sorted = outcomes.map((one) => one.ms).toSorted((a, b) => a - b)
  return [
    scene.request,
    String(outcomes.length),
    tally(outcomes.map((one) => String(one.status))),
    tally(outcomes.flatMap((one) => one.by ?? [])),
    `${(sorted[sorted.length >> 1] ?? 0).toFixed(1)} ms`,
  ]
}

/** `90 v1, 10 v2`: each value and how often it came, the most frequent first. */
export function tally(values: readonly string[]): string {
  const counts = Map.groupBy(values, (value) => value)
  const sorted = [...counts].toSorted((a, b) => b[1].length - a[1].length || a[0].localeCompare(b[0]))
  return sorted.map(([value, all]) => `${all.length} × ${value}`).join(', ')
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ').trimEnd()).join('\n')
}

/** The page over TLS. Nobody but this demonstration trusts the certificate. */
function overTls(shop: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(`${shop}/`, { rejectUnauthorized: false, agent: false }, (response) => {
      const { socket } = response as typeof response & { socket: TLSSocket }
      resolve(`${shop}/ answered ${response.statusCode} over ${socket.getProtocol()}.`)
      response.resume()
    })
    asked.on('error', reject).end()
  })
}

/** What the mesh itself counted: requests that ended, and the attempts made for them. */
async function summary(admin: string): Promise<string> {
  const response = await fetch(`${admin}/metrics`)
  const text = await response.text()
  const requests = total(text, 'mesh_requests_total')
  const attempts = total(text, 'mesh_attempts_total')
  const rests = total(text, 'mesh_outlier_rests_total')
  return `The mesh counted ${requests} requests, the page's own included, ${attempts} attempts on endpoints, and ${rests} rests of endpoints that failed.`
}

/** The sum of a family in the Prometheus text format. */
export function total(exposition: string, family: string): number {
  const lines = exposition.split('\n').filter((line) => line.startsWith(`${family}{`))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

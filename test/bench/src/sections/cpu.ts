// CPU per request: small requests against every peer, filters, WASM, bodies, TLS.
import { bodies } from '../backend.ts'
import type { LoadPlan } from '../measure.ts'
import { type Peer, everything, headerFilter, meshwright, peers, twinOf } from '../peers.ts'
import { type Found, type Turns, takeTurns } from '../slices.ts'
import { type Comparison, type Summary, beside, summarise } from '../statistics.ts'
import { type Surroundings, mainPeers, progress, smallPlan } from './surroundings.ts'

/** A row: a proxy, and it beside those that the table compares with, by name. */
export interface Row extends Summary {
  readonly beside: Readonly<Record<string, Comparison>>
}

export type Table = Readonly<Record<string, Row>>
export type Tables = Readonly<Record<string, Table>>

const tlsPeers = ['meshwright', 'nginx']

/** Small requests against everybody. */
export const small = (around: Surroundings): Promise<Table> =>
  compare('small', around.chosen(peers), smallPlan(around), { turns: around.options.turns, against: ['nginx', 'fastify-http-proxy'], around })

/** What filters cost that do nothing, and everything that an operator switches on. */
export const filters = (around: Surroundings): Promise<Table> =>
  compare('filters', [...[0, 4, 8].map(meshwright), everything], smallPlan(around), { turns: around.options.turns, against: ['meshwright'], around })

/** What a filter costs that crosses into a guest; and into another thread, with more and more requests at a time. */
export async function wasm(around: Surroundings): Promise<Tables> {
  const { modules } = around
  const none = headerFilter('without a filter', 'none', modules)
  const isolated = headerFilter('WASM, in a thread of its own', 'isolated', modules)
  const inline = headerFilter('WASM, inline', 'sdk', modules)
  const all = [none, headerFilter('in TypeScript', 'typescript', modules), inline, headerFilter('WASM by hand, inline', 'by-hand', modules), isolated]
  const fields = ['User-Agent: Mozilla/5.0 (X11; Linux x86_64)', 'Accept-Language: pt,en;q=0.5', 'Cookie: session=0123456789abcdef']
  const result: Record<string, Table> = {}
  for (const connections of [64, 16, 1]) {
    const turns = connections === 64 ? around.options.turns : fewer(around.options.turns)
    const plan = { ...smallPlan(around), fields, connections }
    const name = `${connections} at a time`
    result[name] = await compare(`wasm, ${name}`, connections === 64 ? all : [none, inline, isolated], plan, { turns, against: [none.name], around })
  }
  return result
}

export async function bodySizes(around: Surroundings): Promise<Tables> {
  const result: Record<string, Table> = {}
  const some = around.chosen(peers).filter((peer) => mainPeers.includes(peer.name))
  for (const [name, [path, bytes]] of Object.entries(bodies)) {
    const many = bytes <= 1e6
    const connections = many ? around.options.connections : Math.min(8, around.options.connections)
    const plan = { ...smallPlan(around), path, connections, bodyBytes: bytes > 1024 ? bytes : 0, warmupConnections: connections, warmupRequests: many ? around.options.warmupRequests / 2 : 100 }
    result[name] = await compare(name, some, plan, { turns: turnsFor(plan, around.options.turns), against: ['nginx'], around })
  }
  return result
}

/** The same requests with TLS on one side: from wrk to the proxy, or from the proxy to the backend. */
export async function tls(around: Surroundings): Promise<Tables> {
  const result: Record<string, Table> = {}
  const some = around.chosen(peers).filter((peer) => tlsPeers.includes(peer.name))
  for (const side of ['downstream', 'upstream'] as const) {
    const target = { tls: { side, ...around.certificate }, backendPort: side === 'upstream' ? around.tlsPort : around.backendPort }
    for (const [name, path, bodyBytes] of [['small requests', '/small', 0], ['bodies of 64 KB', '/64k', 65_536]] as const) {
      const what = `${name}, ${side === 'downstream' ? 'from clients' : 'to the endpoint'}`
      const plan = { ...smallPlan(around), ...target, path, bodyBytes, warmupRequests: around.options.warmupRequests / 2 }
      result[what] = await compare(`tls ${what}`, some, plan, { turns: turnsFor(plan, around.options.turns), against: ['nginx'], around })
    }
  }
  return result
}

/** For tables beside the main ones. */
const fewer = (turns: Turns): Turns => ({ ...turns, generations: Math.min(2, turns.generations), passes: Math.ceil(turns.passes * 0.6) })

/** Bodies need longer turns: there are few of them in a second, and megabytes of each are under way when one ends. */
function turnsFor({ bodyBytes }: LoadPlan, turns: Turns): Turns {
  const some = fewer(turns)
  return bodyBytes === 0 ? some : { ...some, passes: Math.ceil(some.passes / 3), sliceMs: some.sliceMs * 6 }
}

interface Compared {
  readonly turns: Turns
  /** Names of those that everybody is compared with. */
  readonly against: readonly string[]
  readonly around: Surroundings
}

async function compare(section: string, subjects: readonly Peer[], plan: LoadPlan, { turns, against, around }: Compared): Promise<Table> {
  const everybody = around.options.twins ? subjects.flatMap((peer) => [peer, twinOf(peer)]) : subjects
  const entries = everybody.map((peer) => ({ peer, plan }))
  const found = await takeTurns(entries, turns, (line) => progress(`${section} ${line}`))
  return Object.fromEntries([...found].map(([name, one]) => [name, { ...summarise(one), beside: comparisons(one, found, against) }]))
}

function comparisons(one: Found, all: ReadonlyMap<string, Found>, against: readonly string[]): Record<string, Comparison> {
  const others = against.flatMap((name) => {
    const other = all.get(name)
    return other === undefined ? [] : [[name, beside(one, other)] as const]
  })
  return Object.fromEntries(others)
}

// Runs a scenario against a listener that carries TCP: its moves, and what both sides and the guests saw.
import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { connect as tlsConnect, type ConnectionOptions } from 'node:tls'
import { recordLines } from './lines.ts'
import type { Move, ScenarioTls, Side, TcpOutcome, TcpScenario } from './tcp-scenario.ts'
import { Wire, type TcpEndpoint } from './wire.ts'

/** How long anything that is waited for may take. */
const patienceMs = 5_000

/** One connection in the middle of its moves. */
interface Talk {
  readonly client: Wire
  readonly endpoint: () => Wire | undefined
  readonly lines: () => readonly string[]
}

/**
 * @param lines what the guests have written down so far
 * @param over waits until they have written down everything
 */
export async function runTcp({ connections, tls, compareRecords = true }: TcpScenario, port: number, endpoint: TcpEndpoint, lines: () => readonly string[], over: () => Promise<void>): Promise<TcpOutcome> {
  const sides: TcpOutcome['sides'][number][] = []
  for (const [i, moves] of connections.entries()) {
    const at = endpoint.wires.length
    const client = new Wire(tls === undefined ? connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }) : secured(port, tls))
    const talk: Talk = { client, endpoint: () => endpoint.wires[at], lines }
    for (const move of moves) await make(move, talk)
    await over()
    sides.push({ name: `client ${i}`, text: client.text, ending: client.ending })
    const behind = talk.endpoint()
    if (behind !== undefined) sides.push({ name: `endpoint ${i}`, text: behind.text, ending: behind.ending })
    client.socket.destroy()
    behind?.socket.destroy()
  }
  return { sides, records: compareRecords ? [...lines()] : [] }
}

function secured(port: number, { root, serverName, client }: ScenarioTls): Socket {
  return tlsConnect({ port, host: '127.0.0.1', ca: root, servername: serverName, allowHalfOpen: true, ...client } as ConnectionOptions)
}

export function tcpLines({ sides, records }: TcpOutcome): string[] {
  return [...sides.map(({ name, text, ending }) => `${name}: ${told(text)}, ${ending}`), ...recordLines(records)]
}

/** Long texts by what they are made of. */
function told(text: string): string {
  return text.length < 1_000 ? JSON.stringify(text) : `${text.length} bytes, ${createHash('sha256').update(text, 'latin1').digest('hex')}`
}

async function make(move: Move, talk: Talk): Promise<void> {
  if ('says' in move) return void (await sideOf(talk, move.who)).socket.write(move.says, 'latin1')
  if ('ends' in move) return void (await sideOf(talk, move.ends)).socket.end()
  if ('resets' in move) return void (await sideOf(talk, move.resets)).socket.resetAndDestroy()
  await until(() => met(move, talk), () => `${JSON.stringify(move).slice(0, 99)} did not come, but: ${JSON.stringify([shown(talk.client), shown(talk.endpoint())])} and\n${talk.lines().join('\n')}`)
}

/** Whether that which is waited for is there. */
function met(move: Move, talk: Talk): boolean {
  if ('either' in move) return move.either.some((one) => met(one, talk))
  if ('noted' in move) return countOf(move.noted, talk) >= move.times
  if ('hearsEnd' in move) return (wireOf(talk, move.hearsEnd)?.ending ?? 'open') !== 'open'
  return 'hears' in move && wireOf(talk, move.who)?.text === move.hears
}

function shown(wire: Wire | undefined): string {
  return wire === undefined ? 'nobody' : `${JSON.stringify(wire.text.slice(0, 99))}, ${wire.text.length} bytes, ${wire.ending}`
}

function wireOf({ client, endpoint }: Talk, who: Side): Wire | undefined {
  return who === 'client' ? client : endpoint()
}

/** The endpoint is there when it was connected to. */
async function sideOf(talk: Talk, who: Side): Promise<Wire> {
  await until(() => wireOf(talk, who) !== undefined, () => 'nobody has connected to the endpoint')
  return wireOf(talk, who) as Wire
}

function countOf(callback: string, { lines }: Talk): number {
  return lines().filter((line) => line === `@@${callback}` || line.startsWith(`@@${callback} `)).length
}

/** @throws Error with what `told` says */
export async function until(met: () => boolean, told: () => string): Promise<void> {
  const giveUpMs = performance.now() + patienceMs
  while (!met()) {
    if (performance.now() > giveUpMs) throw new Error(told())
    await pause(2)
  }
}

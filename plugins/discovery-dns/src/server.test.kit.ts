// DNS servers for tests: a played one that says whatever a test wants, and a real dnsmasq.
import dnsPacket, { type Answer as Entry, type Packet } from 'dns-packet'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket as Connection } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'

/** A question that has arrived, and ways to answer it. */
export interface Asked {
  readonly packet: Packet
  readonly from: RemoteInfo
  readonly socket: Socket
  /** Answers as it should be, but for what is given. */
  answer(parts?: Packet): void
  /** Sends any bytes to whoever asked. */
  send(bytes: Buffer): void
}

/** A DNS server over UDP that does what the test says, and over TCP if it is told what to reply there; closed when the test ends. */
export async function playedServer(play: (asked: Asked) => void, tcp?: (packet: Packet) => Buffer): Promise<{ port: number; address: string; asked: Asked[] }> {
  const { socket, listener, port } = await bothOnOnePort()
  onTestFinished(() => void socket.close())
  if (tcp === undefined) listener.close()
  else {
    onTestFinished(() => void listener.close())
    listener.on('connection', (connection) => replyOver(connection, tcp))
  }
  const asked: Asked[] = []
  socket.on('message', (bytes, from) => {
    const packet = dnsPacket.decode(bytes)
    const one: Asked = {
      packet,
      from,
      socket,
      send: (reply) => socket.send(reply, from.port, from.address),
      answer: (parts) => one.send(replyTo(packet, parts)),
    }
    asked.push(one)
    play(one)
  })
  return { port, address: `127.0.0.1:${port}`, asked }
}

/** A proper reply to a question. */
export function replyTo(packet: Packet, parts: Packet = {}): Buffer {
  return dnsPacket.encode({ type: 'response', id: packet.id ?? 0, questions: packet.questions ?? [], flags: dnsPacket.RECURSION_AVAILABLE, ...parts })
}

export function record(name: string, data: string, ttl = 30): Entry {
  return data.includes(':') ? { type: 'AAAA', name, ttl, data } : { type: 'A', name, ttl, data }
}

function replyOver(connection: Connection, reply: (packet: Packet) => Buffer): void {
  connection.on('error', () => connection.destroy())
  connection.once('data', (bytes: Buffer) => {
    const message = reply(dnsPacket.decode(bytes.subarray(2)))
    connection.write(Buffer.from([message.length >> 8, message.length & 255]))
    connection.end(message)
  })
}

/** Whether dnsmasq is on this machine; its absence is a failure where servers are required. */
export function hasDnsmasq(): boolean {
  const found = spawnSync(dnsmasq, ['--version'], { stdio: 'ignore' }).status === 0
  if (!found && process.env['MESHWRIGHT_REQUIRE_SERVERS'] === '1') throw new Error('dnsmasq is not on this machine')
  return found
}

const dnsmasq = '/usr/sbin/dnsmasq'

/** A real dnsmasq with records that can be changed; ended with the test. */
export class Dnsmasq {
  readonly port: number
  readonly #folder: string
  #child: ChildProcess | undefined = undefined

  private constructor(port: number, folder: string) {
    this.port = port
    this.#folder = folder
  }

  /** @param hosts lines of a hosts file @param options lines of its configuration */
  static async start(hosts: readonly string[], options: readonly string[] = []): Promise<Dnsmasq> {
    const folder = mkdtempSync(path.join(tmpdir(), 'dnsmasq-'))
    const server = new Dnsmasq(await freePort(), folder)
    onTestFinished(async () => {
      await server.stop()
      rmSync(folder, { recursive: true })
    })
    server.#write(hosts)
    await server.restart(options)
    return server
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Other hosts, from now on. */
  async hosts(lines: readonly string[]): Promise<void> {
    this.#write(lines)
    const read = this.#says(/read .*hosts/)
    this.#child?.kill('SIGHUP')
    await read
  }

  /** Starts it anew with another configuration. */
  async restart(options: readonly string[]): Promise<void> {
    await this.stop()
    const configuration = path.join(this.#folder, 'dnsmasq.conf')
    const fixed = [`port=${this.port}`, 'listen-address=127.0.0.1', 'bind-interfaces', 'no-resolv', 'no-hosts', `addn-hosts=${this.#file}`, 'local=/test/', 'pid-file', 'user=', 'group=', 'cache-size=0']
    writeFileSync(configuration, [...fixed, ...options].join('\n'))
    this.#child = spawn(dnsmasq, ['--no-daemon', '--log-facility=-', `--conf-file=${configuration}`], { stdio: ['ignore', 'ignore', 'pipe'] })
    await this.#says(/read .*hosts/)
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  get #file(): string {
    return path.join(this.#folder, 'hosts')
  }

  #write(lines: readonly string[]): void {
    writeFileSync(this.#file, `${lines.join('\n')}\n`)
  }

  async #says(pattern: RegExp): Promise<void> {
    const stderr = this.#child?.stderr
    if (!stderr) throw new Error('dnsmasq does not run')
    const lines = createInterface({ input: stderr })
    const said: string[] = []
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    lines.on('line', (line) => {
      said.push(line)
      if (pattern.test(line)) resolve()
    })
    lines.on('close', () => reject(new Error(`dnsmasq has ended: ${said.join('\n')}`)))
    await promise
  }
}

async function freePort(): Promise<number> {
  const { socket, listener, port } = await bothOnOnePort()
  socket.close()
  await new Promise((resolve) => listener.close(resolve))
  return port
}

/** Bound for UDP and for TCP; a port that is free for one may be taken for the other. */
async function bothOnOnePort(): Promise<{ socket: Socket; listener: Server; port: number }> {
  for (;;) {
    const listener = createServer().listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const { port } = listener.address() as { port: number }
    const socket = createSocket('udp4')
    if (await new Promise<boolean>((resolve) => socket.once('error', () => resolve(false)).bind(port, '127.0.0.1', () => resolve(true)))) return { socket, listener, port }
    listener.close()
  }
}

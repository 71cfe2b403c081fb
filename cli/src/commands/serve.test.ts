// run and proxy: real processes that serve, reload, drain and fail.
import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Command, Folder } from '../testing/child.ts'

/** An endpoint that says its name; `/slow` answers when it is told to. */
class Endpoint implements AsyncDisposable {
  readonly #server: Server
  readonly #waiting: ServerResponse[] = []
  #arrived = Promise.withResolvers<void>()

  constructor(name: string) {
    this.#server = createServer((request, response) => {
      if (request.url !== '/slow') return void response.end(`${name} ${request.url}`)
      response.writeHead(200)
      response.write('begun ')
      this.#waiting.push(response)
      this.#arrived.resolve()
    })
  }

  static async start(name: string): Promise<Endpoint> {
    const endpoint = new Endpoint(name)
    await new Promise<void>((resolve) => endpoint.#server.listen(0, '127.0.0.1', resolve))
    return endpoint
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Resolves when a slow request has arrived. */
  get slowArrived(): Promise<void> {
    return this.#arrived.promise
  }

  finishSlow(): void {
    for (const response of this.#waiting) response.end('and ended')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

const meshFile = (port: number, more = ''): string => `listeners: [{ name: public, address: 127.0.0.1:0 }]
services: { app: { endpoints: [127.0.0.1:${port}] } }
routes: [{ to: app }]
admin: false
${more}`

async function started(command: Command): Promise<string> {
  const [, url = ''] = await command.until('stderr', /public +(http:\/\/\S+)\n/)
  return url
}

async function text(url: string): Promise<string> {
  return (await fetch(url)).text()
}

describe('run', () => {
  test('it serves, and says where in at most six lines', async () => {
    await using endpoint = await Endpoint.start('one')
    await using folder = await Folder.create({ 'mesh.yaml': meshFile(endpoint.port) })
    await using command = new Command(['run'], folder.path)
    const url = await started(command)
    expect(await text(`${url}/hello`)).toBe('one /hello')
    expect(command.stderr).toMatch(/^meshwright 0\.1\.0 {2}mesh\.yaml \(watching\) {2}ready in \d+ ms\n {2}public {6}http:\/\/127\.0\.0\.1:\d+\n$/)
  })

  test('a good change is taken over under live requests: none fails, none waits, no connection is closed', async () => {
    await using one = await Endpoint.start('one')
    await using two = await Endpoint.start('two')
    await using folder = await Folder.create({ 'mesh.yaml': meshFile(one.port) })
    await using command = new Command(['run'], folder.path)
    const url = await started(command)
    const slow = fetch(`${url}/slow`)
    await one.slowArrived
    const load = new Load(url)
    await load.until('one /')
    await folder.replace('mesh.yaml', meshFile(two.port))
    await load.until('two /')
    await command.until('stdout', /configuration changed/)
    one.finishSlow()
    expect(await (await slow).text()).toBe('begun and ended')
    expect(await load.stop()).toEqual([])
  })

  test('a bad change keeps the old one running and says why', async () => {
    await using endpoint = await Endpoint.start('one')
    await using folder = await Folder.create({ 'mesh.yaml': meshFile(endpoint.port) })
    await using command = new Command(['run'], folder.path)
    const url = await started(command)
    await folder.replace('mesh.yaml', meshFile(endpoint.port).replace('to: app', 'to: ap'))
    await command.until('stdout', /configuration refused/)
    // What is printed and what is logged come through two pipes, in any order.
    await command.until('stderr', /mesh\.yaml:3:16  there is no service "ap"/)
    expect(await text(url)).toBe('one /')
    await folder.replace('mesh.yaml', meshFile(endpoint.port).replace('to: app', 'reply: { status: 200, body: again }'))
    await command.until('stdout', /configuration changed/)
    expect(await text(url)).toBe('again')
  })

  test('a listener that is new in the file is opened, the others stay as they are', async () => {
    await using endpoint = await Endpoint.start('one')
    await using folder = await Folder.create({ 'mesh.yaml': meshFile(endpoint.port) })
    await using command = new Command(['run'], folder.path)
    const url = await started(command)
    const free = await freePort()
    await folder.replace('mesh.yaml', meshFile(endpoint.port).replace('127.0.0.1:0 }', `127.0.0.1:0 }, { name: second, address: 127.0.0.1:${free} }`))
    await command.until('stdout', /configuration changed/)
    expect(await text(`http://127.0.0.1:${free}/new`)).toBe('one /new')
    expect(await text(`${url}/old`)).toBe('one /old')
  })

  test('a change of what only a start can take over is logged, the rest is taken over', async () => {
    await using endpoint = await Endpoint.start('one')
    await using folder = await Folder.create({ 'mesh.yaml': meshFile(endpoint.port) })
    await using command = new Command(['run'], folder.path)
    const url = await started(command)
    await folder.replace('mesh.yaml', meshFile(endpoint.port, 'workers: 1').replace('to: app', 'reply: { status: 200, body: changed }'))
    await command.until('stdout', /a change of workers takes a restart/)
    await command.until('stdout', /configuration changed/)
    expect(await text(url)).toBe('changed')
  })

  test('metrics and the admin API tell what became of a change', async () => {
    await using endpoint = await Endpoint.start('one')
    await using folder = await Folder.create({ 'mesh.yaml': meshFile(endpoint.port).replace('admin: false', 'admin: { address: 127.0.0.1:0 }') })
    await using command = new Command(['run'], folder.path)
    await started(command)
    const [, admin = ''] = await command.until('stderr', /admin +(http:\/\/\S+)/)
    await folder.replace('mesh.yaml', 'listeners: 5')
    await command.until('stdout', /configuration refused/)
    expect(JSON.parse(await text(`${admin}/v1/config`))).toMatchObject({
      file: 'mesh.yaml',
      lastReload: { ok: false, problems: expect.arrayContaining([expect.stringContaining("must be a list, not 5")]) as unknown },
    })
    expect(await text(`${admin}/metrics`)).toMatch(/^mesh_config_reloads_total\{result="refused"\} 1$/m)
  })

  test('SIGTERM lets a request end, takes no new connection, and exits with 0', async () => {
    await using endpoint = await Endpoint.start('one')
    await using folder = await Folder.create({ 'mesh.yaml': meshFile(endpoint.port) })
    await using command = new Command(['run'], folder.path)
    const url = await started(command)
    const slow = await fetch(`${url}/slow`)
    command.child.kill('SIGTERM')
    await command.until('stderr', /draining: 1 request left, 30 s/)
    await refused(url)
    endpoint.finishSlow()
    expect(await slow.text()).toBe('begun and ended')
    const { code, stderr } = await command.finished
    expect(code).toBe(0)
    expect(stderr).toMatch(/stopped\n$/)
  })

  test('requests that outlast drainMs are cut: exit code 1', async () => {
    await using endpoint = await Endpoint.start('one')
    await using folder = await Folder.create({ 'mesh.yaml': meshFile(endpoint.port, 'drainMs: 100') })
    await using command = new Command(['run'], folder.path)
    const slow = await fetch(`${await started(command)}/slow`)
    command.child.kill('SIGTERM')
    await expect(slow.text()).rejects.toThrow('terminated')
    const { code, stderr } = await command.finished
    expect(code).toBe(1)
    expect(stderr).toMatch(/stopped, 1 request cut\n$/)
  })

  test('a second Ctrl-C cuts at once: exit code 1', async () => {
    await using endpoint = await Endpoint.start('one')
    await using folder = await Folder.create({ 'mesh.yaml': meshFile(endpoint.port) })
    await using command = new Command(['run'], folder.path)
    const slow = await fetch(`${await started(command)}/slow`)
    command.child.kill('SIGINT')
    await command.until('stderr', /draining: 1 request left/)
    command.child.kill('SIGINT')
    await expect(slow.text()).rejects.toThrow('terminated')
    expect((await command.finished).code).toBe(1)
  })

  test('a port in use is named, with who uses it and one that is free: exit code 1', async () => {
    await using endpoint = await Endpoint.start('one')
    await using folder = await Folder.create({ 'mesh.yaml': meshFile(1).replace('127.0.0.1:0', `127.0.0.1:${endpoint.port}`) })
    const { code, stderr } = await folder.run('run')
    expect(code).toBe(1)
    expect(stderr).toMatch(new RegExp(`^meshwright: port ${endpoint.port} on 127\\.0\\.0\\.1 is in use by .*\\(pid ${process.pid}\\): end that program, or choose another port \\(port \\d+ is free\\)\n$`))
  })

  test('a bad file does not start: exit code 1', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': 'listeners: 5' })
    const { code, stderr } = await folder.run('run')
    expect(code).toBe(1)
    expect(stderr).toContain('mesh.yaml:1:12  must be a list, not 5  MW1103')
  })
})

describe('proxy', () => {
  test('one line forwards an address to another', async () => {
    await using endpoint = await Endpoint.start('target')
    await using folder = await Folder.create()
    await using command = new Command(['proxy', '0', `http://127.0.0.1:${endpoint.port}`, '--no-admin'], folder.path)
    expect(await text(`${await started(command)}/x?y=1`)).toBe('target /x?y=1')
  })

  test('the path of the target goes before that of the request', async () => {
    await using endpoint = await Endpoint.start('target')
    await using folder = await Folder.create()
    await using command = new Command(['proxy', '127.0.0.1:0', `http://127.0.0.1:${endpoint.port}/base`, '--no-admin'], folder.path)
    expect(await text(`${await started(command)}/x`)).toBe('target /base/x')
  })
})

/** Requests one after the other; remembers those that failed. */
class Load {
  readonly #failures: unknown[] = []
  readonly #done: Promise<void>
  #last = ''
  #changed = Promise.withResolvers<void>()
  #isStopped = false

  constructor(url: string) {
    this.#done = this.#run(url)
  }

  async until(body: string): Promise<void> {
    while (this.#last !== body) await this.#changed.promise
  }

  async stop(): Promise<readonly unknown[]> {
    this.#isStopped = true
    await this.#done
    return this.#failures
  }

  async #run(url: string): Promise<void> {
    while (!this.#isStopped) {
      try {
        const response = await fetch(url)
        this.#last = await response.text()
        if (response.status !== 200) this.#failures.push(response.status)
      } catch (error) {
        this.#failures.push(error)
      }
      this.#changed.resolve()
      this.#changed = Promise.withResolvers()
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function refused(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  const code = await new Promise((resolve) => socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code)).once('connect', () => resolve('connected')))
  socket.destroy()
  expect(code).toBe('ECONNREFUSED')
}

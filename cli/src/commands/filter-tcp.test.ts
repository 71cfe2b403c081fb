// meshwright filter new --tcp: the first minutes of a filter for TCP.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ask } from '../testing/ask.ts'
import { Command, Folder } from '../testing/child.ts'
import { filterFolder } from '../testing/filter-folder.ts'

/** The compiler takes seconds, and the machine may be busy. */
const slowMs = 120_000
const tsc = path.join(import.meta.dirname, '..', '..', '..', 'node_modules', '.bin', 'tsc')

describe('a new filter for TCP', { timeout: slowMs }, () => {
  let folder: Folder
  beforeAll(async () => {
    folder = await filterFolder('my-gate', '--tcp')
  }, slowMs)
  afterAll(async () => folder[Symbol.asyncDispose]())

  test('has the same files as one for requests, each filled in', async () => {
    const files = (await readdir(folder.path, { recursive: true })).filter((file) => !file.startsWith('node_modules'))
    expect(files.toSorted()).toEqual([
      '.gitignore', 'LICENSE', 'README.md', 'assembly', 'assembly/index.ts', 'assembly/tsconfig.json', 'configuration.schema.json', 'mesh.yaml', 'package.json', 'test', 'test/my-gate.test.ts', 'tsconfig.json',
    ])
    for (const file of files.filter((file) => file.includes('.'))) expect(await readFile(folder.file(file), 'utf8')).not.toMatch(/__\w+?__/)
    expect(await readFile(folder.file('assembly/index.ts'), 'utf8')).toContain('export class MyGate extends TcpFilter {')
  })

  test('passes its own tests as it stands', async () => {
    const { code, stdout, stderr } = await folder.run('filter', 'test', '--', '--test-reporter=tap')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/\n# pass 5\n# fail 0\n/)
  })

  test('is inspected with connections', async () => {
    expect(await ask(folder, 'filter', 'build')).toMatchObject({ code: 0 })
    const asked = ['filter', 'inspect', 'build/my-gate.wasm', '--configuration', '{"keys":{"k1":"ada"}}']
    const { stdout } = await ask(folder, ...asked, '--json')
    expect(JSON.parse(stdout)).toMatchObject({ abi: '0.2.1', language: { name: 'AssemblyScript' }, callbacks: expect.arrayContaining(['proxy_on_downstream_data', 'proxy_on_log']), problems: [], cost: { protocol: 'TCP', outcome: 'closed' } })
    expect((await ask(folder, ...asked)).stdout).toMatch(/\n {2}connection {2}about [\d.]+ µs on this machine, for one with a line each way: closed\n/)
  })

  test('suits editors', async () => {
    // It fails with what it has to say on its standard output, which the error carries.
    for (const project of ['assembly', '.']) await expect(promisify(execFile)(tsc, ['--noEmit', '-p', folder.file(project)])).resolves.toEqual({ stdout: '', stderr: '' })
  })

  test('runs in its mesh, and is swapped in for new connections', async () => {
    const server = createServer((socket) => void socket.pipe(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const mesh = await readFile(folder.file('mesh.yaml'), 'utf8')
    await folder.write('mesh.yaml', `${mesh.replace('127.0.0.1:9000', '127.0.0.1:0').replace('127.0.0.1:3000', `127.0.0.1:${(server.address() as AddressInfo).port}`)}admin: false\n`)
    await using dev = new Command(['filter', 'dev'], folder.path)
    const [, port] = await dev.until('stderr', /tcp:\/\/127\.0\.0\.1:(\d+)\n/)
    expect(await said(Number(port), 'k1\nhello')).toBe('ada\nhello')
    expect(await said(Number(port), 'k3\nhello')).toBe('')
    const source = await readFile(folder.file('assembly/index.ts'), 'utf8')
    await folder.replace('assembly/index.ts', source.replace('data.prepend(`${this.customer}\\n`)', 'data.prepend(`dear ${this.customer}\\n`)'))
    await dev.until('stderr', /swapped in/)
    expect(await said(Number(port), 'k1\nhello')).toBe('dear ada\nhello')
  })
})

test.each(['data', 'tcp-filter'])('a filter for TCP may be called %s, like something that its source has already', async (name) => {
  await using folder = await Folder.create()
  expect(await ask(folder, 'filter', 'new', name, '--tcp')).toMatchObject({ code: 0 })
  expect(await readFile(folder.file(`${name}/assembly/index.ts`), 'utf8')).toMatch(/export class (?:DataFilter|TcpFilterFilter) extends TcpFilter/)
})

/** All that is answered to this. */
async function said(port: number, words: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(words)
  return text(socket)
}

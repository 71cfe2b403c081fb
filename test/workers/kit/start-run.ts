// A mesh as the command runs it, for one test: with an admin API, on free ports, ended with the test.
import { type ListenerSpec, type MeshSpec, type RunOptions, type RunningMesh, runMesh } from '@meshwright/core'
import { Agent, request } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'

/** What differs from two threads with one listener, and one route for everything to the service `test`. */
export interface RunSetup {
  readonly spec?: MeshSpec
  readonly endpoint?: { readonly address: string }
  readonly threads?: RunOptions['threads']
  /** Folders of `plugins` to load besides metrics. */
  readonly plugins?: readonly string[]
  /** The test provokes errors that the mesh must log. Default false: a logged error fails the test. */
  readonly logsErrors?: boolean
}

/** What a request was answered with. */
export interface Answer {
  readonly status: number
  readonly body: string
  /** The thread it came through. */
  readonly thread: string | undefined
}

export interface TestRun {
  readonly mesh: RunningMesh
  readonly spec: MeshSpec
  readonly port: number
  readonly logged: readonly { readonly level: string; readonly text: string; readonly details: Readonly<Record<string, unknown>> }[]
  /** A request on a connection of its own. */
  get(path?: string, headers?: Readonly<Record<string, string>>): Promise<Answer>
  admin(path: string, method?: string, headers?: Readonly<Record<string, string>>): Promise<{ status: number; json: never; text: string }>
  /** The value of a metric without labels, all threads together. */
  counted(name: string): Promise<number>
}

export const tricksUrl: string = new URL('./tricks.ts', import.meta.url).href
const pluginUrl = (folder: string): string => new URL(`../../../plugins/${folder}/src/index.ts`, import.meta.url).href

export const oneListener: readonly ListenerSpec[] = [{ name: 'public', address: '127.0.0.1:0' }]

export async function startRun(setup: RunSetup = {}): Promise<TestRun> {
  const logged: TestRun['logged'][number][] = []
  const line = (level: string) => (details: object, text: string) => void logged.push({ level, text, details: details as Readonly<Record<string, unknown>> })
  const spec: MeshSpec = {
    workers: 2,
    admin: { address: '127.0.0.1:0' },
    listeners: oneListener,
    services: setup.endpoint === undefined ? {} : { test: { endpoints: [setup.endpoint.address] } },
    routes: [{ match: { path: '/*' }, ...(setup.endpoint === undefined ? { reply: { status: 200, body: 'ok' } } : { to: 'test' }) }],
    filters: ['tricks'],
    ...setup.spec,
  }
  const log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
  // Silence is no sign here, but where a test is about it: a busy machine leaves a thread without a turn for a while.
  const mesh = await runMesh(spec, { plugins: [tricksUrl, ...['metrics', ...(setup.plugins ?? [])].map(pluginUrl)], log, file: 'test.yaml', threads: { heartbeatMs: 20, stuckMs: 60_000, ...setup.threads } })
  onTestFinished(async () => {
    await mesh.close()
    if (setup.logsErrors !== true) expect(logged.filter(({ level }) => level === 'error'), 'errors the mesh has logged').toEqual([])
  })
  const port = mesh.listeners[0]?.port ?? 0
  const admin: TestRun['admin'] = async (path, method = 'GET', headers = {}) => {
    const { status, body } = await ask(Number(new URL(mesh.adminUrl as string).port), path, headers, method)
    return { status, text: body, json: (body.startsWith('{') ? JSON.parse(body) : undefined) as never }
  }
  return {
    mesh,
    spec,
    port,
    logged,
    admin,
    get: async (path = '/', headers = {}) => ask(port, path, headers),
    async counted(name) {
      const { text } = await admin('/metrics')
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? 0)
    },
  }
}

/** A request on a connection of its own, so that the kernel chooses a thread for each. */
export function ask(port: number, path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: new Agent({ keepAlive: false }) }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, thread: [response.headers['x-thread']].flat()[0] }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** Asks again until the answer is neither undefined nor false. A rejection is no answer. */
export async function eventually<T>(probe: () => Promise<T | undefined | false>, what: string, patienceMs = 30_000): Promise<T> {
  const giveUpAt = performance.now() + patienceMs
  let last: unknown
  for (;;) {
    try {
      const found = await probe()
      if (found !== undefined && found !== false) return found
    } catch (thrown) {
      last = thrown
    }
    if (performance.now() > giveUpAt) throw new Error(`waited too long for ${what}`, { cause: last })
    await setImmediate()
  }
}

/** Sends requests until each of so many threads has answered one. */
export async function threadsThatAnswer(run: TestRun, count: number): Promise<Set<string>> {
  const seen = new Set<string>()
  return eventually(async () => {
    const { thread, body } = await run.get('/', { 'x-trick': 'thread' })
    seen.add(thread ?? body)
    return seen.size >= count && seen
  }, `${count} threads to answer`)
}

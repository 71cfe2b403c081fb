// Discovery by a registry on another machine: follows its events, and comes back when the stream ends.
import { request as httpRequest, type IncomingMessage, type ClientRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { EndpointSpec, Gauge, Logger, Metrics } from '@meshwright/core'
import { EventParser, type ServerEvent } from './event-parser.ts'
import { toInstance } from './instance.ts'
import { KnownSet } from './known-set.ts'
import type { View } from './service-registry.ts'

export interface RemoteOptions {
  /** The admin API of the mesh that keeps the registry, `http://host:9901`. */
  readonly url: string
  /** A stream that says nothing, not even that it is alive, for so long is taken for dead. Milliseconds. */
  readonly silenceMs: number
  /** Longest event that is taken. Characters. */
  readonly maxEventLength: number
}

/** What a discovery uses of its mesh. */
export interface RemoteHost {
  readonly log?: Pick<Logger, 'info' | 'warn'>
  readonly metrics?: Pick<Metrics, 'gauge'>
  /** Chance, for the jitter. Default Math.random. */
  readonly random?: () => number
}

const firstBackOffMs = 250
/** A mesh that does not follow does not hear of those who leave: it must not be away for longer than they take to end. */
const lastBackOffMs = 2000

type Publish = (endpoints: readonly EndpointSpec[]) => void

/** Follows one service of a registry. What goes wrong changes nothing: the last good endpoints stay. */
export class RemoteWatch {
  readonly #url: URL
  readonly #service: string
  readonly #options: RemoteOptions
  readonly #publish: Publish
  readonly #host: RemoteHost
  readonly #known = new KnownSet()
  readonly #connected: Gauge | undefined
  readonly #first = Promise.withResolvers<void>()
  #request: ClientRequest | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined
  #silence: NodeJS.Timeout | undefined = undefined
  #lastId: string | undefined = undefined
  #isConnected = false
  #failures = 0
  #trouble = ''
  #stopped = false

  constructor(service: string, options: RemoteOptions, publish: Publish, host: RemoteHost) {
    this.#url = watchUrl(options.url, service)
    this.#service = service
    this.#options = options
    this.#publish = publish
    this.#host = host
    this.#connected = host.metrics?.gauge('mesh_registry_connected', 'Whether the registry on another machine is followed', { service })
  }

  /** Resolves when the registry has said something, or could not be reached for the first time. */
  async start(): Promise<void> {
    this.#connect()
    await this.#first.promise
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#silence)
    this.#setConnected(false)
    this.#request?.destroy()
    this.#first.resolve()
  }

  #connect(): void {
    const send = this.#url.protocol === 'https:' ? httpsRequest : httpRequest
    const headers = { accept: 'text/event-stream', ...(this.#lastId !== undefined && { 'last-event-id': this.#lastId }) }
    const request = send(this.#url, { headers, agent: false })
    this.#request = request
    let reason = 'the stream ended'
    const fail = (error: Error): void => void (reason = error.message)
    request.on('error', fail)
    request.on('response', (response) => this.#follow(response, fail))
    request.on('close', () => this.#ended(reason))
    this.#listen()
    request.end()
  }

  #follow(response: IncomingMessage, fail: (error: Error) => void): void {
    const isStream = response.statusCode === 200 && (response.headers['content-type'] ?? '').startsWith('text/event-stream')
    if (!isStream) return void response.destroy(new Error(`it answers with status ${response.statusCode} and no stream of events`))
    const parser = new EventParser(this.#options.maxEventLength, (event) => this.#take(event))
    response.setEncoding('utf8')
    response.on('error', fail)
    response.on('data', (text: string) => {
      this.#listen()
      try {
        parser.push(text)
      } catch (thrown) {
        fail(thrown as Error)
        response.destroy()
      }
    })
  }

  /** @throws Error for what is no view of the service: the stream is not to be trusted then */
  #take({ type, data, id }: ServerEvent): void {
    if (this.#stopped) return
    if (type === 'unchanged') this.#isWell()
    if (type !== 'instances') return
    const endpoints = this.#known.take(toView(JSON.parse(data), this.#service))
    this.#lastId = id
    this.#isWell()
    if (endpoints !== undefined) this.#publish(endpoints)
    this.#first.resolve()
  }

  #listen(): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#request?.destroy(new Error(`it was silent for ${this.#options.silenceMs} ms`)), this.#options.silenceMs)
    this.#silence.unref()
  }

  #ended(reason: string): void {
    clearTimeout(this.#silence)
    this.#setConnected(false)
    if (this.#stopped) return
    if (this.#failures > 0) this.#tell(reason)
    this.#first.resolve()
    this.#timer = setTimeout(() => this.#connect(), this.#backOffMs()).unref()
    this.#failures++
  }

  /** The first pause is short: a stream that ended is most often one that can be opened again. */
  #backOffMs(): number {
    const limitMs = Math.min(lastBackOffMs, firstBackOffMs * 2 ** Math.min(10, this.#failures))
    return limitMs * (0.5 + 0.5 * (this.#host.random ?? Math.random)())
  }

  #isWell(): void {
    this.#failures = 0
    this.#setConnected(true)
    this.#tell('')
  }

  /** A reload may have begun another watch of the service before this one stops. */
  #setConnected(isConnected: boolean): void {
    this.#connected?.add(Number(isConnected) - Number(this.#isConnected))
    this.#isConnected = isConnected
  }

  #tell(trouble: string): void {
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    const details = { service: this.#service, registry: this.#url.origin }
    if (trouble === '') this.#host.log?.info(details, 'the registry is followed again')
    else this.#host.log?.warn({ ...details, reason: trouble }, 'the registry cannot be followed: the last good endpoints stay')
  }
}

/** @throws TypeError that does not say what stands there, as there may be a password in it */
function watchUrl(text: string, service: string): URL {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new TypeError('url is the address of a registry, such as http://10.0.0.1:9901')
  const url = new URL('v1/registry/watch', text.endsWith('/') ? text : `${text}/`)
  url.searchParams.set('service', service)
  return url
}

/** @throws Error with the reason */
function toView(value: unknown, service: string): View {
  const { registry, revision, settled, instances, service: about } = (value ?? {}) as Record<string, unknown>
  const isView = typeof registry === 'string' && typeof revision === 'number' && typeof settled === 'boolean' && Array.isArray(instances) && about === service
  if (!isView) throw new Error('it sends something else than the instances of the service')
  return { registry, revision, settled, service, instances: (instances as unknown[]).map((one) => toInstance(one, true)) }
}

// Discovery by a file: somebody writes the endpoints of a service there, and this follows.
import { createHash } from 'node:crypto'
import { extname, resolve } from 'node:path'
import type { Discovery, EndpointSpec, Logger } from '@meshwright/core'
import { parseEndpoints } from './endpoints.ts'
import { FolderWatch } from './folder-watch.ts'
import { readSmallFile } from './read-file.ts'

export interface FileOptions {
  /** Path of the file: JSON if it ends with `.json`, YAML otherwise. Relative to the working directory. */
  readonly path: string
  /** Quiet time after a change before the file is read, so that it is not read half written. Milliseconds, 0..60000; default 100. */
  readonly debounceMs?: number
  /** The file is also looked at this often, for file systems that report no changes. Milliseconds, 100..3600000; default 10000. */
  readonly pollMs?: number
  /** Longest file that is taken. Bytes, 1..104857600; default 1048576. */
  readonly maxBytes?: number
  /** Most endpoints that are taken. 1..1000000; default 10000. */
  readonly maxEndpoints?: number
}

/**
 * The endpoints in a file, now and after each change. A file that is missing, too large or wrong in any way changes
 * nothing: the last good endpoints stay, and the reason is logged once until it changes or the file is good again.
 * @throws RangeError when an option is out of range
 */
export function file(options: FileOptions, log?: Pick<Logger, 'info' | 'warn'>): Discovery {
  const { debounceMs = 100, pollMs = 10_000, maxBytes = 1_048_576, maxEndpoints = 10_000 } = options
  checkRange('debounceMs', debounceMs, 0, 60_000)
  checkRange('pollMs', pollMs, 100, 3_600_000)
  checkRange('maxBytes', maxBytes, 1, 104_857_600)
  checkRange('maxEndpoints', maxEndpoints, 1, 1_000_000)
  const settings = { path: resolve(options.path), debounceMs, pollMs, maxBytes, maxEndpoints }
  return {
    async watch(service, publish) {
      const follower = new Follower(settings, publish, (reason, revision) => tell(log, service, settings.path, reason, revision))
      await follower.start()
      return () => follower.stop()
    },
    async check() {
      endpointsIn(await readSmallFile(settings.path, maxBytes), settings)
    },
  }
}

function endpointsIn(bytes: Buffer, { path, maxEndpoints }: Pick<Required<FileOptions>, 'path' | 'maxEndpoints'>): readonly EndpointSpec[] {
  return parseEndpoints(bytes.toString('utf8'), extname(path) === '.json', maxEndpoints)
}

function tell(log: Pick<Logger, 'info' | 'warn'> | undefined, service: string, path: string, reason: string | undefined, revision: number): void {
  if (reason === undefined) log?.info({ service, path }, 'the endpoints file is good again')
  else log?.warn({ service, path, reason }, revision === 0 ? 'the endpoints file is not good: the service has no endpoints yet' : 'the endpoints file is not good: the last good endpoints stay')
}

/** Follows one file: a change or the poll starts a look, a look reads, compares and publishes; never two at a time. */
class Follower {
  readonly #settings: Required<FileOptions>
  readonly #publish: (endpoints: readonly EndpointSpec[]) => void
  readonly #tell: (reason: string | undefined, revision: number) => void
  readonly #folders: FolderWatch
  #debounce: NodeJS.Timeout | undefined
  #changedMs = 0
  #poll: NodeJS.Timeout | undefined
  #looking = false
  #again = false
  #stopped = false
  #hash = ''
  #reason: string | undefined
  #revision = 0

  constructor(settings: Required<FileOptions>, publish: (endpoints: readonly EndpointSpec[]) => void, tell: (reason: string | undefined, revision: number) => void) {
    this.#settings = settings
    this.#publish = publish
    this.#tell = tell
    this.#folders = new FolderWatch(settings.path, () => this.#changed())
  }

  /** The first look is over when it resolves. */
  async start(): Promise<void> {
    await this.#look()
    this.#poll = setInterval(() => void this.#look(), this.#settings.pollMs)
    this.#poll.unref()
    if (this.#stopped) clearInterval(this.#poll)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#debounce)
    clearInterval(this.#poll)
    this.#folders.close()
  }

  #changed(): void {
    const { debounceMs } = this.#settings
    const now = performance.now()
    if (this.#debounce === undefined) this.#changedMs = now
    // In a folder that is never quiet, waiting has to end some time.
    if (this.#stopped || now - this.#changedMs > 10 * debounceMs) return
    clearTimeout(this.#debounce)
    this.#debounce = setTimeout(() => this.#quiet(), debounceMs)
  }

  #quiet(): void {
    this.#debounce = undefined
    void this.#look()
  }

  async #look(): Promise<void> {
    this.#again = this.#looking
    if (this.#looking) return
    this.#looking = true
    do {
      this.#again = false
      // Watching before reading: a change in between is then seen as a change.
      await this.#folders.refresh()
      await this.#read()
    } while (this.#again && !this.#stopped)
    this.#looking = false
  }

  async #read(): Promise<void> {
    try {
      const bytes = await readSmallFile(this.#settings.path, this.#settings.maxBytes)
      if (!this.#stopped) this.#take(bytes)
    } catch (error) {
      if (!this.#stopped) this.#refuse((error as Error).message)
    }
  }

  #take(bytes: Buffer): void {
    const hash = createHash('sha256').update(bytes).digest('base64')
    if (hash === this.#hash) return this.#accept()
    const endpoints = endpointsIn(bytes, this.#settings)
    this.#hash = hash
    this.#accept()
    this.#revision++
    this.#publish(endpoints)
  }

  #accept(): void {
    if (this.#reason !== undefined) this.#tell(undefined, this.#revision)
    this.#reason = undefined
  }

  #refuse(reason: string): void {
    if (reason === this.#reason) return
    this.#reason = reason
    this.#tell(reason, this.#revision)
  }
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) throw new RangeError(`${name} is a number from ${least} to ${most}, not ${value}`)
}

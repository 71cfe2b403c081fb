// An identity by files: keys, certificates and roots that somebody renews there.
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { checkPair, parseCertificates, type Identity, type KeyPair, type Logger, type Metrics, type TlsMaterial } from '@meshwright/core'
import { Expiry, type Dated } from './expiry.ts'
import { FilesWatch } from './files-watch.ts'
import { readSmallText } from './read-file.ts'

/** A certificate and its key, by their files. */
export interface PairFiles {
  /** Path of the certificate in PEM, its intermediates behind it. Relative to the working directory. */
  readonly cert: string
  /** Path of the private key in PEM, not encrypted. */
  readonly key: string
}

/** Either `cert` and `key`, or `certificates`; without both there is only `ca`: trust without a certificate of one's own, for services. */
export interface TlsOptions {
  readonly cert?: string
  readonly key?: string
  /** Several, for a listener with several names; the first is for all other names. 1..10000. */
  readonly certificates?: readonly PairFiles[]
  /** Paths of PEM files with roots. Default: those that come with Node, and none for the clients of a listener. */
  readonly ca?: string | readonly string[]
  /** A warning is logged, once a day, from so many days before a certificate expires. Days, 0..10000; default 14; 0: not before it has. */
  readonly warnDays?: number
  /** Quiet time after a change before the files are read, as several of them change together. Milliseconds, 0..60000; default 200. */
  readonly debounceMs?: number
  /** The files are also looked at this often, for file systems that report no changes. Milliseconds, 100..3600000; default 10000. */
  readonly pollMs?: number
}

/** Where an identity tells what happens to it. */
export interface TlsTold {
  readonly log?: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Gets the gauge mesh_certificate_expiry_timestamp_seconds, one series per certificate. */
  readonly metrics?: Metrics
}

interface Settings {
  readonly pairs: readonly PairFiles[]
  readonly ca: readonly string[]
  readonly debounceMs: number
  readonly pollMs: number
  readonly warnDays: number
}

/** No certificate or bundle of roots is longer; the roots that come with Node have 200 kB. */
const maxFileBytes = 4_194_304

/**
 * The keys, certificates and roots in files, now and after each change of them. Files that do not do (missing, half written, a
 * key that does not belong to its certificate) change nothing: the last good ones stay, and the reason is logged once until
 * it changes or the files are good again. Files that do not do at the start are an error of `watch`.
 * @throws TypeError for options that contradict each other, RangeError for one out of range
 */
export function tls(options: TlsOptions, told: TlsTold = {}): Identity {
  const settings = toSettings(options)
  return {
    async watch(publish) {
      const follower = new Follower(settings, told, publish)
      await follower.start()
      return () => follower.stop()
    },
    async check() {
      await new Follower(settings, {}, () => {}).readOnce()
    },
  }
}

function toSettings({ cert, key, certificates, ca = [], warnDays = 14, debounceMs = 200, pollMs = 10_000 }: TlsOptions): Settings {
  if ((cert === undefined) !== (key === undefined)) throw new TypeError('cert and key come together')
  if (cert !== undefined && certificates !== undefined) throw new TypeError('there is either one cert and key, or certificates')
  const pairs = cert === undefined || key === undefined ? (certificates ?? []) : [{ cert, key }]
  checkPaths([...pairs.flatMap((pair) => [pair.cert, pair.key]), ...[ca].flat()])
  if (pairs.length === 0 && ca.length === 0) throw new TypeError('there is neither a certificate nor a ca')
  checkRange('warnDays', warnDays, 0, 10_000)
  checkRange('debounceMs', debounceMs, 0, 60_000)
  checkRange('pollMs', pollMs, 100, 3_600_000)
  return { pairs: pairs.map((pair) => ({ cert: resolve(pair.cert), key: resolve(pair.key) })), ca: [ca].flat().map((path) => resolve(path)), warnDays, debounceMs, pollMs }
}

/** Paths are told in errors and logs, and a key must not be. */
function checkPaths(paths: readonly string[]): void {
  if (paths.some((path) => path.includes('-----BEGIN'))) throw new TypeError('there is a text in PEM where the path of a file is expected')
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) throw new RangeError(`${name} is a number from ${least} to ${most}, not ${value}`)
}

/** What the files say at one moment. */
interface Contents {
  readonly material: TlsMaterial
  readonly dated: readonly Dated[]
}

/** Follows the files of one identity: a change or the poll starts a look, a look reads, compares, checks and publishes. */
class Follower {
  readonly #settings: Settings
  readonly #told: TlsTold
  readonly #publish: (material: TlsMaterial) => void
  readonly #expiry: Expiry
  readonly #files: FilesWatch
  #hash = ''
  #reason: string | undefined
  #stopped = false

  constructor(settings: Settings, told: TlsTold, publish: (material: TlsMaterial) => void) {
    this.#settings = settings
    this.#told = told
    this.#publish = publish
    this.#expiry = new Expiry(settings.warnDays, told)
    const paths = [...settings.pairs.flatMap(({ cert, key }) => [cert, key]), ...settings.ca]
    this.#files = new FilesWatch(paths, settings, async () => this.#look())
  }

  /** The first material is published when it resolves. @throws Error with what is wrong with which file */
  async start(): Promise<void> {
    try {
      await this.#files.start(async () => this.#read())
    } catch (thrown) {
      this.stop()
      throw thrown
    }
  }

  /** Without watching. @throws as {@link start} */
  async readOnce(): Promise<void> {
    await this.#read()
  }

  stop(): void {
    this.#stopped = true
    this.#files.close()
  }

  async #look(): Promise<void> {
    try {
      await this.#read()
      if (this.#reason !== undefined) this.#told.log?.info({ files: this.#named() }, 'the certificate files are good again')
      this.#reason = undefined
    } catch (thrown) {
      this.#refuse((thrown as Error).message)
    }
  }

  async #read(): Promise<void> {
    const { pairs, ca } = this.#settings
    const texts = new Map<string, string>()
    for (const path of new Set([...pairs.flatMap(({ cert, key }) => [cert, key]), ...ca])) texts.set(path, await readSmallText(path, maxFileBytes))
    if (this.#stopped) return
    const hash = hashOf(texts.values())
    if (hash !== this.#hash) {
      const { material, dated } = toContents(this.#settings, texts)
      const isRotation = this.#hash !== ''
      this.#hash = hash
      this.#expiry.follow(dated)
      if (isRotation) this.#told.log?.info({ files: this.#named(), expires: dated.map(({ validTo }) => validTo.toISOString()) }, 'certificates were renewed')
      this.#publish(material)
    }
    this.#expiry.look(Date.now())
  }

  #refuse(reason: string): void {
    if (this.#stopped || reason === this.#reason) return
    this.#reason = reason
    this.#told.log?.error({ reason, files: this.#named() }, 'the certificate files are not good: the last good ones stay in use')
  }

  #named(): string[] {
    return [...this.#settings.pairs.map(({ cert }) => cert), ...this.#settings.ca]
  }
}

function hashOf(texts: Iterable<string>): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text.length} ${text}`)
  return hash.digest('base64')
}

function toContents({ pairs, ca }: Settings, texts: ReadonlyMap<string, string>): Contents {
  const dated: Dated[] = []
  const certificates = pairs.map((files): KeyPair => {
    const pair = { key: texts.get(files.key) ?? '', cert: texts.get(files.cert) ?? '' }
    const { validFromDate, validToDate, subject } = attempt(`${files.cert} with ${files.key}`, () => checkPair(pair))
    dated.push({ file: files.cert, subject: (subject ?? '').replaceAll('\n', ', '), validFrom: validFromDate, validTo: validToDate })
    return pair
  })
  const roots = ca.map((path) => {
    const text = texts.get(path) ?? ''
    attempt(path, () => parseCertificates(text))
    return text
  })
  return { dated, material: { certificates, ...(roots.length === 0 ? {} : { ca: roots.join('\n') }) } }
}

function attempt<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new Error(`${what}: ${(cause as Error).message}`, { cause })
  }
}

// Real certificates for a test, made by the openssl program: an authority, and what it issues.
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** Whether the openssl program is there; it has to be where `CI` is true. For `describe.skipIf(!hasOpenssl)`. */
export const hasOpenssl: boolean = process.env['CI'] === 'true' || spawnSync('openssl', ['version']).status === 0

/** A key and its certificate, as text and as files that live as long as this process. */
export interface Pair {
  readonly key: string
  readonly cert: string
  readonly keyPath: string
  readonly certPath: string
}

/** What a certificate says. */
export interface LeafOptions {
  /** In the form of openssl, `/O=Acme/CN=web`. Default: `/CN=` and the first name. */
  readonly subject?: string
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly uris?: readonly string[]
  /** How long it is valid from now on; negative: it has expired that long ago. Default 30. */
  readonly days?: number
}

let folder: string | undefined
let count = 0

/** A path for a file that is there until the process ends. */
function scratch(name: string): string {
  if (folder === undefined) {
    const made = mkdtempSync(path.join(tmpdir(), 'meshwright-certificates-'))
    process.once('exit', () => rmSync(made, { recursive: true, force: true }))
    folder = made
  }
  return path.join(folder, `${++count}-${name}`)
}

function file(name: string, text: string): string {
  const at = scratch(name)
  writeFileSync(at, text, { mode: 0o600 })
  return at
}

function keys(): { key: string; keyPath: string; publicPath: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
  return { key: privateKey, keyPath: file('key.pem', privateKey), publicPath: file('public.pem', publicKey) }
}

/** One that signs. Its own certificate is what those who trust it are given as `ca`. */
export class Authority implements Pair {
  readonly key: string
  readonly cert: string
  readonly keyPath: string
  readonly certPath: string

  /** @param issuer of an intermediate authority; default: a root */
  constructor(name: string, issuer?: Authority) {
    const made = issue({ subject: `/CN=${name}`, days: 30 }, ['basicConstraints=critical,CA:true', 'keyUsage=critical,keyCertSign,cRLSign'], issuer)
    this.key = made.key
    this.cert = made.cert
    this.keyPath = made.keyPath
    this.certPath = made.certPath
  }

  /** A certificate for servers and clients. */
  issue(options: LeafOptions = {}): Pair {
    return issue(options, ['basicConstraints=CA:false', 'keyUsage=critical,digitalSignature', 'extendedKeyUsage=serverAuth,clientAuth'], this)
  }
}

/** Makes a root. Takes some 20 ms, as each certificate does. */
export function authority(name: string = 'Test CA'): Authority {
  return new Authority(name)
}

function issue(options: LeafOptions, extensions: readonly string[], issuer: Pair | undefined): Pair {
  const { key, keyPath, publicPath } = keys()
  const names = [...named('DNS', options.dns), ...named('IP', options.ips), ...named('URI', options.uris)]
  const lines = ['[ext]', ...extensions, ...(names.length === 0 ? [] : ['subjectAltName=@names', '[names]', ...names]), '']
  const subject = options.subject ?? `/CN=${options.dns?.[0] ?? options.ips?.[0] ?? 'leaf'}`
  const certPath = scratch('cert.pem')
  const signer = issuer === undefined ? ['-signkey', keyPath] : ['-force_pubkey', publicPath, '-CA', issuer.certPath, '-CAkey', issuer.keyPath]
  execFileSync('openssl', ['x509', '-new', '-subj', subject, '-days', String(options.days ?? 30), ...signer, '-extfile', file('ext.cnf', lines.join('\n')), '-extensions', 'ext', '-out', certPath], { stdio: 'pipe' })
  return { key, keyPath, certPath, cert: readFileSync(certPath, 'utf8') }
}

function named(kind: string, values: readonly string[] = []): string[] {
  return values.map((value, index) => `${kind}.${index}=${value.replace(/[\\$#"]/g, '\\$&')}`)
}

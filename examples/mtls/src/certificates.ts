// Makes an authority and a certificate for each proxy, with the openssl program. A real mesh gets them from its own authority.
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Where the files of one proxy are. */
export interface Files {
  readonly cert: string
  readonly key: string
}

export class Authority {
  /** Its own certificate: whom the proxies trust. */
  readonly ca: string
  readonly #folder: string
  readonly #key: string

  /** @param folder gets all the files; made if it is not there */
  constructor(folder: string, name = 'Shop CA') {
    mkdirSync(folder, { recursive: true })
    this.#folder = folder
    this.ca = path.join(folder, 'ca.crt')
    this.#key = path.join(folder, 'ca.key')
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-days', '365', '-keyout', this.#key, '-out', this.ca)
  }

  /** A certificate for a workload: a SPIFFE id and no other name. Made again, it takes the place of the old one. */
  issue(name: string, spiffeId: string): Files {
    const files = { cert: path.join(this.#folder, `${name}.crt`), key: path.join(this.#folder, `${name}.key`) }
    const [request, extensions, cert, key] = ['csr', 'ext', 'crt.new', 'key.new'].map((end) => path.join(this.#folder, `${name}.${end}`)) as [string, string, string, string]
    writeFileSync(extensions, `subjectAltName=critical,URI:${spiffeId}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:false\n`)
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/', '-keyout', key, '-out', request)
    openssl('x509', '-req', '-in', request, '-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial', '-days', '1', '-extfile', extensions, '-out', cert)
    // Renamed over the old ones, so that nobody reads half a file.
    renameSync(cert, files.cert)
    renameSync(key, files.key)
    return files
  }
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe', timeout: 10_000 })
}

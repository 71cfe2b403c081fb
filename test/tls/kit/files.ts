// Certificates in files, as the plugin reads them, and renewed as others renew them.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import type { Pair } from '../../kit/index.ts'
import { root } from './tls.ts'

export const tlsPluginUrl: string = new URL('../../../plugins/tls/src/index.ts', import.meta.url).href

/** A folder with `tls.crt`, `tls.key` and `ca.crt`. It goes with the test. */
export class PairFolder {
  readonly path: string
  readonly cert: string
  readonly key: string
  readonly ca: string

  constructor(pair: Pair) {
    this.path = mkdtempSync(path.join(tmpdir(), 'meshwright-pair-'))
    this.cert = path.join(this.path, 'tls.crt')
    this.key = path.join(this.path, 'tls.key')
    this.ca = path.join(this.path, 'ca.crt')
    onTestFinished(() => rmSync(this.path, { recursive: true, force: true }))
    writeFileSync(this.ca, root.cert)
    this.renew(pair)
  }

  /** The identity that a configuration names. */
  get identity(): { readonly tls: Readonly<Record<string, unknown>> } {
    return { tls: { cert: this.cert, key: this.key, ca: this.ca, debounceMs: 1, pollMs: 100 } }
  }

  /** One file after the other, each renamed over the old one. */
  renew(pair: Pair): void {
    for (const [where, text] of [[this.cert, pair.cert], [this.key, pair.key]] as const) {
      writeFileSync(`${where}.new`, text)
      renameSync(`${where}.new`, where)
    }
  }
}

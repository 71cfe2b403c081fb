// Certificates for the tests of this package, made by the openssl program, and a folder to put them in.
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

export const hasOpenssl: boolean = process.env['CI'] === 'true' || spawnSync('openssl', ['version']).status === 0

/** A folder that goes with the test. */
export function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'meshwright-tls-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** A key and a certificate that it has signed itself, for so many days. */
export function pair(name: string, days = 30): { key: string; cert: string } {
  const scratch = mkdtempSync(path.join(tmpdir(), 'meshwright-pair-'))
  try {
    const keyPath = path.join(scratch, 'key.pem')
    const certPath = path.join(scratch, 'cert.pem')
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    writeFileSync(keyPath, key)
    execFileSync('openssl', ['x509', '-new', '-subj', `/CN=${name}`, '-days', String(days), '-signkey', keyPath, '-out', certPath], { stdio: 'pipe' })
    return { key, cert: readFileSync(certPath, 'utf8') }
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

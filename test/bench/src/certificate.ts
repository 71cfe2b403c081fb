// The certificate that everybody uses where TLS is measured.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import type { CertificateFiles } from './backend.ts'

/** Makes a key and a certificate for 127.0.0.1 that signs itself; needs the openssl program. */
export function makeCertificate(directory: string): CertificateFiles {
  const keyPath = join(directory, 'key.pem')
  const certPath = join(directory, 'cert.pem')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyPath]
  execFileSync('openssl', ['req', '-x509', ...key, '-out', certPath, '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'pipe' })
  return { keyPath, certPath }
}

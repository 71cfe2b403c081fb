// A certificate for the listener that speaks TLS: made by itself at the first start, and again before it expires.
import { X509Certificate } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { generate } from 'selfsigned'

const dayMs = 86_400_000

/** Leaves `shop.pem` and `shop.key` in the folder. Nobody trusts them: `curl -k`. */
export async function makeCertificate(folder: string): Promise<void> {
  const file = path.join(folder, 'shop.pem')
  if (await isGood(file)) return
  const altNames = [{ type: 2 as const, value: 'localhost' }, { type: 7 as const, ip: '127.0.0.1' }]
  const pair = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    notAfterDate: new Date(Date.now() + 90 * dayMs),
    extensions: [{ name: 'subjectAltName', altNames }],
  })
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'shop.key'), pair.private, { mode: 0o600 })
  await writeFile(file, pair.cert)
}

/** Is there one that is good for another week? */
async function isGood(file: string): Promise<boolean> {
  try {
    return Date.parse(new X509Certificate(await readFile(file)).validTo) > Date.now() + 7 * dayMs
  } catch {
    // There is none yet, or none that can be read.
    return false
  }
}

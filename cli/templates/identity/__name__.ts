// The answer: a key and a certificate from two files, read again and again.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Identity, KeyPair, Logger, TlsMaterial } from '@meshwright/core'

export interface __Camel__Options {
  /** Path of the private key, in PEM and not encrypted. Relative to the working directory. */
  readonly key: string
  /** Path of the certificate and its intermediates, in PEM. */
  readonly cert: string
  /** Between two looks at the files. Milliseconds, 10..3600000; default 10000. */
  readonly pollMs?: number
}

/**
 * What two files say. Files that cannot be read, or do not belong together because only one of them is new yet, change nothing, and
 * the log says why.
 * @throws when it is started and they cannot be used: a mistake at boot
 */
export function __camel__(options: __Camel__Options, log?: Pick<Logger, 'warn'>): Identity {
  const { pollMs = 10_000 } = options
  return {
    watch(publish) {
      let known = read(options)
      publish(toMaterial(known))
      const timer = setInterval(() => {
        try {
          const now = read(options)
          if (now.key === known.key && now.cert === known.cert) return
          publish(toMaterial(now))
          known = now
        } catch (error) {
          log?.warn({ key: options.key, cert: options.cert, err: error }, 'key and certificate cannot be used; the last ones stay')
        }
      }, pollMs).unref()
      return () => clearInterval(timer)
    },
  }
}

function read({ key, cert }: __Camel__Options): KeyPair {
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}

/** @throws unless the key belongs to the certificate */
function toMaterial(pair: KeyPair): TlsMaterial {
  if (!new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key))) throw new Error('the key does not belong to the certificate')
  return { certificates: [pair] }
}

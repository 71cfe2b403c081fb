// What every identity promises, of this one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Identity } from '@meshwright/core'
import { selfSigned, testIdentity } from '@meshwright/core/testing'
import { afterAll, test } from 'vitest'
import { tls } from './tls.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'tls-'))
const files = { key: path.join(folder, 'key.pem'), cert: path.join(folder, 'cert.pem') }
afterAll(() => rmSync(folder, { recursive: true }))

function rotate(): void {
  const { key, cert } = selfSigned('shop.example')
  writeFileSync(files.key, key)
  writeFileSync(files.cert, cert)
}

function fresh(): Identity {
  rotate()
  return tls({ ...files, debounceMs: 10 })
}

testIdentity(fresh, { test, change: rotate, fail: () => writeFileSync(files.cert, 'half written') })

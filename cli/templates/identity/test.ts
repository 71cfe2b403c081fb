// Keeps what every identity promises: a key that is rotated, and files that are half written.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { after } from 'node:test'
import { selfSigned, testIdentity } from '@meshwright/core/testing'
import { __camel__ } from './__name__.ts'

const folder = mkdtempSync(path.join(tmpdir(), '__name__-'))
after(() => rmSync(folder, { recursive: true }))
const files = { key: path.join(folder, 'key.pem'), cert: path.join(folder, 'cert.pem') }

function rotate(): void {
  const { key, cert } = selfSigned('shop.example')
  writeFileSync(files.key, key)
  writeFileSync(files.cert, cert)
}

function fresh(): ReturnType<typeof __camel__> {
  rotate()
  return __camel__({ ...files, pollMs: 10 })
}

testIdentity(fresh, { test, change: rotate, fail: () => writeFileSync(files.cert, 'half written') })

test('a key that belongs to another certificate is refused at boot', () => {
  rotate()
  writeFileSync(files.key, selfSigned('shop.example').key)
  assert.throws(() => __camel__(files).watch(() => {}), /does not belong/)
})

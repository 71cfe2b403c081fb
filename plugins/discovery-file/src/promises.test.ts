// What every discovery promises, of this one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Discovery } from '@meshwright/core'
import { testDiscovery } from '@meshwright/core/testing'
import { afterAll, test } from 'vitest'
import { file } from './file.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'discovery-file-'))
const target = path.join(folder, 'endpoints.json')
afterAll(() => rmSync(folder, { recursive: true }))

function fresh(): Discovery {
  writeFileSync(target, '["10.0.0.1:80", { "address": "10.0.0.2:80", "weight": 3, "metadata": { "version": "2" } }]')
  return file({ path: target, debounceMs: 10 })
}

testDiscovery(fresh, { test, change: () => writeFileSync(target, '["10.0.0.3:80"]'), fail: () => writeFileSync(target, '["10.0.0') })

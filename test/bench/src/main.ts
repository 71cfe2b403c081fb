// The benchmark: this mesh and its peers in turn, in fresh processes, pinned beside the same backend.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBackend } from './backend.ts'
import { makeCertificate } from './certificate.ts'
import { help, readOptions } from './options.ts'
import { findCommand, freePort } from './pinned.ts'
import { toTables, writeReadme } from './report.ts'
import { runSections } from './sections.ts'

const options = readOptions(process.argv.slice(2))
if (options === 'help') {
  console.log(help)
  process.exit(0)
}
const wrk = findCommand('wrk')
const nginx = findCommand('nginx')
if (wrk === undefined || nginx === undefined) {
  console.error('The benchmark needs wrk and nginx: apt-get install wrk nginx-light')
  process.exit(1)
}
const directory = mkdtempSync(join(tmpdir(), 'bench-'))
const backendPort = await freePort()
const tlsPort = await freePort()
const certificate = makeCertificate(directory)
const backend = await startBackend(nginx, directory, backendPort, tlsPort, certificate)
try {
  const result = await runSections(options, { wrk, backendPort, tlsPort, certificate })
  console.log(options.json ? JSON.stringify(result, null, 2) : toTables(result))
  if (options.write) writeReadme(result)
} finally {
  await backend.stop()
  rmSync(directory, { recursive: true, force: true })
}

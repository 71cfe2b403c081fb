// The benchmark: this mesh and its peers by turns, in fresh processes, pinned beside the same backend.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBackend } from './backend.ts'
import { makeCertificate } from './certificate.ts'
import { makeModules } from './modules.ts'
import { help, readOptions } from './options.ts'
import { findCommand, freePort, loadCore, settle } from './pinned.ts'
import { toTables, writeReadme } from './report.ts'
import { RequestCount } from './request-count.ts'
import { runSections } from './sections.ts'

const options = readOptions(process.argv.slice(2))
if (options === 'help') {
  console.log(help)
  process.exit(0)
}
const wrk = findCommand('wrk')
const nginx = findCommand('nginx')
if (wrk === undefined || nginx === undefined) {
  process.stderr.write('The benchmark needs wrk and nginx: apt-get install wrk nginx-light\n')
  process.exit(1)
}
settle(loadCore)
const directory = mkdtempSync(join(tmpdir(), 'bench-'))
const modules = await makeModules(directory)
const backendPort = await freePort()
const tlsPort = await freePort()
const certificate = makeCertificate(directory)
const backend = await startBackend(nginx, directory, backendPort, tlsPort, certificate)
const count = new RequestCount(backendPort)
try {
  const result = await runSections(options, { wrk, backendPort, backendPid: backend.pid, tlsPort, certificate, count, modules, directory })
  console.log(options.json ? JSON.stringify(result, null, 2) : toTables(result))
  if (options.write) writeReadme(result)
  if (result.failed.length > 0) process.exitCode = 1
} finally {
  count.close()
  await backend.stop()
  rmSync(directory, { recursive: true, force: true })
}

// `npm start`: a site, and the mesh with the filter in front of it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import path from 'node:path'

const site = createServer((_request, response) => response.end('hello\n')).listen(9094, '127.0.0.1')
await once(site, 'listening').catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exit(1)
})
const manifest = createRequire(import.meta.url).resolve('meshwright/package.json')
const mesh = spawn(process.execPath, [path.join(path.dirname(manifest), 'bin', 'meshwright.cjs'), 'run'], { cwd: path.join(import.meta.dirname, '..'), stdio: 'inherit' })

process.stdout.write(`A site for people
  curl -i http://127.0.0.1:8094/
  curl -i -A goodbot/1.0 http://127.0.0.1:8094/
Ctrl-C ends it.
`)

// Ctrl-C reaches the mesh as well: it lets requests end, and so does this.
process.on('SIGINT', () => {})
process.once('SIGTERM', () => mesh.kill('SIGTERM'))
const [code] = (await once(mesh, 'exit')) as [number | null]
site.close()
site.closeAllConnections()
process.exitCode = code ?? 1

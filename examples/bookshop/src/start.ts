// `npm start`: the bookshop and its mesh, until Ctrl-C. `npm start -- --once`: a short demonstration, then the end.
import path from 'node:path'
import { startApps } from './apps.ts'
import { makeCertificate } from './certificate.ts'
import { demonstrate } from './demonstration.ts'
import { runMesh, type RunningMesh } from './mesh.ts'

const folder = path.join(import.meta.dirname, '..')
const log = path.join(folder, 'mesh.log')

// Until it serves, a signal ends it at once, and the mesh with it.
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))

try {
  process.exitCode = await run(process.argv.includes('--once'))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function run(once: boolean): Promise<number> {
  const apps = await startApps()
  try {
    await makeCertificate(path.join(folder, 'certificates'))
    const mesh = await runMesh(path.join(folder, 'mesh.yaml'), log)
    await apps.meshIsAt(mesh)
    await mesh.serves('/catalog/books')
    return once ? await showOnce(mesh) : await serve(mesh)
  } finally {
    await apps.close()
  }
}

async function showOnce(mesh: RunningMesh): Promise<number> {
  try {
    process.stdout.write(await demonstrate(mesh))
  } finally {
    await mesh.stop()
  }
  return 0
}

/** A terminal sends Ctrl-C to the mesh as well, which ends when its requests have; the apps serve those until then. */
async function serve(mesh: RunningMesh): Promise<number> {
  process.removeAllListeners('SIGINT').on('SIGINT', () => undefined)
  process.removeAllListeners('SIGTERM').on('SIGTERM', () => void mesh.stop())
  process.stdout.write(banner(mesh))
  mesh.said.pipe(process.stderr, { end: false })
  return mesh.ended
}

function banner({ shop, shopTls, admin }: RunningMesh): string {
  return `
The bookshop: seven small services behind one mesh (examples/bookshop/mesh.yaml)
  shop    ${shop}/   ${shopTls}/
  admin   ${admin}/v1/routes   /v1/services   /v1/registry/services   /metrics
  log     ${path.relative(process.cwd(), log)}
Try
  curl ${shop}/catalog/books
  curl -ik -H 'x-preview: v2' ${shopTls}/catalog/books/9780141439518
  curl --json '{"isbn":"9780141439518","quantity":2}' ${shop}/orders
Ctrl-C ends it.
`
}

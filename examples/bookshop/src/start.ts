// `npm start`: the bookshop and its mesh, until Ctrl-C. `npm start -- --once`: a short demonstration, then the end.
import path from 'node:path'
import { startApps } from './apps.ts'
import { demonstrate } from './demonstration.ts'
import { adminAddress, meshAddress, runMesh } from './mesh.ts'

const folder = path.join(import.meta.dirname, '..')
const log = path.join(folder, 'mesh.log')
const shop = `http://${meshAddress}`
const admin = `http://${adminAddress}`

const banner = `
The bookshop: seven small services behind one mesh (examples/bookshop/mesh.yaml)
  shop    ${shop}/
  admin   ${admin}/v1/routes   /v1/services   /metrics
  log     ${path.relative(process.cwd(), log)}
Try
  curl ${shop}/catalog/books
  curl -i -H 'x-preview: v2' ${shop}/catalog/books/9780141439518
  curl --json '{"isbn":"9780141439518","quantity":2}' ${shop}/orders
`

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function run(args: readonly string[]): Promise<number> {
  const once = args.includes('--once')
  const apps = await startApps()
  try {
    const mesh = await runMesh({ file: path.join(folder, 'mesh.yaml'), log, admin: adminAddress })
    apps.meshIsAt(shop)
    process.stdout.write(once ? '' : `${banner}Ctrl-C ends it.\n`)
    if (!once) return await untilStopped(mesh)
    try {
      process.stdout.write(await demonstrate(shop, admin))
    } finally {
      await mesh.stop()
    }
    return 0
  } finally {
    await apps.close()
  }
}

/** A terminal sends Ctrl-C to the mesh as well, which ends when its requests have; the apps serve those until then. */
async function untilStopped(mesh: { readonly ended: Promise<number>; stop(): Promise<number> }): Promise<number> {
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => void mesh.stop())
  return mesh.ended
}

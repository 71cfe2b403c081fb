// `npm start`: the shop, and the mesh with the filter in front of it, which is compiled again whenever its source changes.
import { once } from 'node:events'
import { meshwright } from './command.ts'
import { startShop } from './shop.ts'

const shop = await startShop({ shop: 9092, members: 9093 }).catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exit(1)
})
const mesh = meshwright(['filter', 'dev'], 'inherit')

process.stdout.write(`A shop with offers for members only
  curl -i http://127.0.0.1:8092/
  curl -i http://127.0.0.1:8092/offers
  curl -i -b card=c7 http://127.0.0.1:8092/offers
Edit assembly/index.ts and ask again. Ctrl-C ends it.
`)

// Ctrl-C reaches the mesh as well: it lets requests end, and so does this.
process.on('SIGINT', () => {})
process.once('SIGTERM', () => mesh.kill('SIGTERM'))
const [code] = (await once(mesh, 'exit')) as [number | null]
shop.close()
process.exitCode = code ?? 1

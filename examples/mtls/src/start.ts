// `npm start`: the shop with its two proxies, on 8094 for web and 8095 between them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ids, startShop } from './app.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'meshwright-mtls-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

const shop = await startShop(folder, { web: 8094, orders: 8095 })

process.stdout.write(`web asks its proxy in plain HTTP; the proxies show each other ${ids.web} and ${ids.orders}
  curl ${shop.url}/
Who comes without the right certificate does not get past the second proxy
  curl --insecure https://127.0.0.1:${shop.securePort}/
  curl --cacert ${folder}/ca.crt --cert ${folder}/orders.crt --key ${folder}/orders.key --insecure https://127.0.0.1:${shop.securePort}/
The certificates are in ${folder} until this ends. Ctrl-C ends it.
`)

process.once('SIGINT', () => void shop.close())
process.once('SIGTERM', () => void shop.close())

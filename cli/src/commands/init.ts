// meshwright init: writes a first configuration file with comments that teach.
import { writeFile } from 'node:fs/promises'
import { failure } from './exit.ts'

/** What `init` writes. */
export const firstConfig = `# yaml-language-server: $schema=./node_modules/meshwright/schema/mesh.schema.json
# A Meshwright configuration. Try it:    meshwright run
# Look for mistakes:                     meshwright check
# See which requests go where:           meshwright routes

# Where requests arrive.
listeners:
  - name: public
    address: 127.0.0.1:8080        # 0.0.0.0:8080 listens on every network
    # timeouts: { requestHeadersMs: 10000, keepAliveMs: 60000 }
    # limits: { headBytes: 65536, bodyBytes: 10000000 }
    # trustedHops: [10.0.0.0/8]    # proxies in front whose X-Forwarded-For is believed

# Where requests go: a name for each set of interchangeable endpoints.
services:
  app:
    endpoints:
      - 127.0.0.1:3000
      # - { address: 127.0.0.1:3001, weight: 3 }
    timeout:
      requestMs: 15000             # the whole exchange, retries included
      responseHeadersMs: 10000     # from the end of the request to the response head

# Which requests go where. The most specific match wins, whatever the order.
routes:
  - match: { path: { exact: /health } }
    reply: { status: 200, body: "ok\\n" }
  - match: { path: { prefix: / } }
    to: app
  # - match: { host: shop.example, path: { prefix: /api }, method: [GET] }
  #   to: [{ service: api-v1, weight: 90 }, { service: api-v2, weight: 10 }]

# The admin API: metrics, state of services, draining. Beyond this machine it takes a token.
admin:
  address: 127.0.0.1:9901
`

/** Returns the exit code. Never asks: it overwrites only with \`force\`. */
export async function init(file: string, options: { readonly force?: boolean }): Promise<number> {
  try {
    await writeFile(file, firstConfig, { flag: options.force ? 'w' : 'wx' })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw failure(code === 'EEXIST' ? `${file} exists already; --force overwrites it` : `${file} cannot be written: ${message}`)
  }
  console.log(`wrote ${file}\nnext: start something on port 3000, then run: meshwright run ${file}`)
  return 0
}

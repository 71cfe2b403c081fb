// `npm start`: the mesh with the filter on 8091; prints a line whenever a customer's request is over.
import { createApp } from './app.ts'

const app = await createApp((customer, status, durationMs) => {
  process.stdout.write(`${customer} was answered ${status} in ${durationMs.toFixed(1)} ms\n`)
})
await app.listen({ host: '127.0.0.1', port: 8091 })

process.stdout.write(`A filter that asks for a key
  curl -i http://127.0.0.1:8091/by-value/
  curl -i -H 'x-api-key: k1' http://127.0.0.1:8091/by-value/
  curl -i -H 'x-api-key: k2' http://127.0.0.1:8091/by-name/
Ctrl-C ends it.
`)

process.once('SIGINT', () => void app.close())

// `npm start`: the mesh with the balancer on 8093, in front of three endpoints.
import { createApp } from './app.ts'

const app = await createApp()
await app.listen({ host: '127.0.0.1', port: 8093 })

process.stdout.write(`Each user always meets the same of three desks
  curl -H 'x-user: ada' http://127.0.0.1:8093/
  curl -H 'x-user: grace' http://127.0.0.1:8093/
  curl -H 'x-user: edsger' http://127.0.0.1:8093/
Ctrl-C ends it.
`)

process.once('SIGINT', () => void app.close())

// An endpoint whose port is open but which never accepts: connecting to it hangs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { onTestFinished } from 'vitest'

const script = `const server = require('node:net').createServer().listen(0, '127.0.0.1', 1, () => console.log(server.address().port))`

/** Stops a listening process and fills its queue, so that the kernel drops every further attempt to connect. */
export async function deafEndpoint(): Promise<{ address: string }> {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line.toString())
  child.kill('SIGSTOP')
  for (let index = 0; index < 8; index++) {
    const filler = connect(port, '127.0.0.1').on('error', () => undefined)
    onTestFinished(() => void filler.destroy())
  }
  return { address: `127.0.0.1:${port}` }
}

// Bare node:http in front of undici's dispatch: the floor for anything built on these two.
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { Agent, type Dispatcher } from 'undici'

const [port, backendPort] = process.argv.slice(2).map(Number) as [number, number]
const origin = `http://127.0.0.1:${backendPort}`
const agent = new Agent({ pipelining: 1, connections: 1024, keepAliveTimeout: 600_000 })

class Handler implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse
  #controller: Dispatcher.DispatchController | undefined

  constructor(res: ServerResponse) {
    this.#res = res
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const fields = (controller.rawHeaders as Buffer[]).map((field) => field.toString('latin1'))
    this.#res.writeHead(status, fields)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#res.write(chunk)) return
    controller.pause()
    this.#res.once('drain', () => this.#controller?.resume())
  }

  onResponseEnd(): void {
    this.#res.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#res.headersSent) this.#res.destroy(error)
    else this.#res.writeHead(502).end()
  }
}

function forward(req: IncomingMessage, res: ServerResponse): void {
  const hasBody = req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined
  const options: Dispatcher.DispatchOptions = {
    origin,
    path: req.url as string,
    method: req.method as Dispatcher.HttpMethod,
    headers: { host: req.headers.host ?? '' },
    body: hasBody ? req : null,
  }
  agent.dispatch(options, new Handler(res))
}

createServer({ keepAliveTimeout: 3_600_000 }, forward).listen(port, '127.0.0.1', 4096)

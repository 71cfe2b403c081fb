// The part of the http-proxy package that the benchmark uses; the package has no types of its own.
declare module 'http-proxy' {
  import type { Agent, IncomingMessage, ServerResponse } from 'node:http'

  interface Proxy {
    web(req: IncomingMessage, res: ServerResponse): void
    on(event: 'error', listener: (error: Error, req: IncomingMessage, res: ServerResponse) => void): this
  }

  const httpProxy: { createProxyServer(options: { target: string; agent: Agent; xfwd: boolean }): Proxy }
  export default httpProxy
}

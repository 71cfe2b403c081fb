// meshwright proxy: one listener, one target, no file.
import type { MeshSpec, RouteSpec } from '@meshwright/core'
import { loadDefaults } from '../config/load.ts'
import { parseAddress } from '../config/forms.ts'
import { showProblems } from './config-file.ts'
import { usage } from './exit.ts'
import { serve } from './serve.ts'

/** Returns the exit code, when the mesh has stopped. */
export async function proxy(listen: string, target: string, options: { readonly admin: string | false }): Promise<number> {
  const spec = proxySpec(listen, target, options.admin)
  const { plugins, problems } = await loadDefaults()
  showProblems({ problems })
  return problems.length > 0 ? 1 : serve({ spec, plugins, file: undefined })
}

/** The mesh of one listener and one target. */
export function proxySpec(listen: string, target: string, admin: string | false): MeshSpec {
  const { address, path } = targetOf(target)
  const route: RouteSpec = { match: { path: { prefix: '/' } }, to: 'target', ...(path !== '/' && { rewrite: { path: { prefix: path } } }) }
  return {
    listeners: [{ name: 'public', address: listenAddress(listen) }],
    services: { target: { endpoints: [address] } },
    routes: [route],
    admin: admin === false ? false : { address: listenAddress(admin) },
  }
}

/** `8080` is this machine only, `:8080` every network. */
export function listenAddress(text: string): string {
  const address = /^\d+$/.test(text) ? `127.0.0.1:${text}` : text.startsWith(':') ? `0.0.0.0${text}` : text.replace(/^http:\/\//, '').replace(/\/$/, '')
  const parsed = parseAddress(address)
  if (typeof parsed === 'string') throw usage(`cannot listen on "${text}": the address ${parsed}`)
  return address
}

function targetOf(text: string): { address: string; path: string } {
  const url = toUrl(text)
  if (url?.protocol === 'https:') throw usage(`the target "${text}" speaks TLS, and the command has no plugin for that: use an http:// target`)
  if (url === undefined || url.protocol !== 'http:' || url.hostname === '') throw usage(`"${text}" is not a target: write http://localhost:3000`)
  if (url.search !== '' || url.hash !== '' || url.username !== '') throw usage(`the target "${text}" may have a host, a port and a path, nothing else`)
  return { address: `${url.hostname}:${url.port || 80}`, path: url.pathname }
}

/** `3000` and `:3000` are ports of this machine. */
function toUrl(text: string): URL | undefined {
  const full = /^:?\d+$/.test(text) ? `http://localhost:${text.replace(':', '')}` : /^\w+:\/\//.test(text) ? text : `http://${text}`
  return URL.parse(full) ?? undefined
}

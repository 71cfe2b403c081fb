// Writes the module that a host sees: what it exports is what the filter overrides.
import type { ClassNode } from './ast.ts'
import type { FilterBase } from './callbacks.ts'
import type { UserClass } from './classes.ts'

export const sdkName = '@meshwright/filter-sdk'
/** The file that the compiler is given: it imports the user's, whose exports would be the module's otherwise. */
export const startPath = 'meshwright-start'

/** What the transform has found out. */
export interface Plan {
  readonly filter: UserClass
  readonly base: FilterBase
  readonly plugin: UserClass | undefined
  /** Names of overridden callbacks. */
  readonly filterMethods: ReadonlySet<string>
  readonly pluginMethods: ReadonlySet<string>
  readonly request: BodyPlan
  readonly response: BodyPlan
  readonly settings: { readonly root: ClassNode; readonly functions: string } | undefined
  /** Classes that the module names. */
  readonly classes: readonly UserClass[]
}

/** What becomes of a body in one direction. */
export interface BodyPlan {
  /** There is a callback for it. */
  readonly wanted: boolean
  /** The whole at once. */
  readonly whole: boolean
  /** Its length may change. */
  readonly rewrites: boolean
}

export function entryText(plan: Plan): string {
  const { base, filter, plugin } = plan
  const imports = [...new Map(plan.classes.map((one) => [one.node.name.text, one])).values()].map(({ node, source }) => `import { ${node.name.text} } from './${source.internalPath}'`)
  const home = `${sdkName}/${base === 'TcpFilter' ? 'tcp-runtime' : 'runtime'}`
  return [
    ...imports,
    `import * as runtime from '${sdkName}/runtime'`,
    `import * as streams from '${home}'`,
    `export { proxy_abi_version_0_2_1, proxy_on_memory_allocate } from '${sdkName}/runtime'`,
    `export { proxy_on_context_create, proxy_on_delete } from '${home}'`,
    `export { proxy_on_configure } from '${sdkName}/runtime'`,
    ...settingsText(plan),
    `streams.setFilter((): ${nameOf(filter)} => new ${nameOf(filter)}())`,
    ...(plugin === undefined ? [] : [`runtime.setPlugin((): ${nameOf(plugin)} => new ${nameOf(plugin)}())`]),
    ...(base === 'TcpFilter' ? tcpCallbacks(plan) : httpCallbacks(plan)),
    ...rootCallbacks(plan),
  ].join('\n')
}

function nameOf({ node }: UserClass): string {
  return node.name.text
}

function settingsText({ settings }: Plan): string[] {
  if (settings === undefined) return []
  return [
    `import { Json, JsonKind } from '${sdkName}/json'`,
    `import { complain, isObject, readAll, readBool, readFloat, readList, readMap, readText, readWhole } from '${sdkName}/settings'`,
    settings.functions,
    `runtime.setSettings((text: string): Object | null => readAll(text, (json: Json, path: string): Object => read_${settings.root.name.text}(json, path)))`,
  ]
}

function httpCallbacks({ filterMethods, request, response }: Plan): string[] {
  const lines: string[] = []
  for (const [direction, body] of [['request', request], ['response', response]] as const) {
    const named = direction === 'request' ? 'Request' : 'Response'
    if (filterMethods.has(`on${named}Headers`) || body.rewrites) lines.push(`export function proxy_on_${direction}_headers(id: u32, count: u32, end: u32): u32 { return streams.${direction}Headers(id, end, ${body.rewrites}) }`)
    if (body.wanted) lines.push(`export function proxy_on_${direction}_body(id: u32, size: u32, end: u32): u32 { return streams.${direction}Body(id, end, ${body.whole}) }`)
    if (filterMethods.has(`on${named}Trailers`) || body.whole) lines.push(`export function proxy_on_${direction}_trailers(id: u32, count: u32): u32 { return streams.${direction}Trailers(id, ${body.whole}) }`)
  }
  if (filterMethods.has('onLog')) lines.push('export function proxy_on_log(id: u32): void { streams.logged(id) }')
  return lines
}

const tcpExports: Readonly<Record<string, string>> = {
  onNewConnection: 'proxy_on_new_connection(id: u32): u32 { return streams.newConnection(id) }',
  onDownstreamData: 'proxy_on_downstream_data(id: u32, size: u32, end: u32): u32 { return streams.downstreamData(id, end) }',
  onUpstreamData: 'proxy_on_upstream_data(id: u32, size: u32, end: u32): u32 { return streams.upstreamData(id, end) }',
  onDownstreamClose: 'proxy_on_downstream_connection_close(id: u32, by: u32): void { streams.downstreamClosed(id, by) }',
  onUpstreamClose: 'proxy_on_upstream_connection_close(id: u32, by: u32): void { streams.upstreamClosed(id, by) }',
  onLog: 'proxy_on_log(id: u32): void { streams.logged(id) }',
}

/** Hosts know by them what a module is for: one that overrides only what filters for HTTP have too exports one of them all the same. */
function tcpCallbacks({ filterMethods }: Plan): string[] {
  const own = Object.keys(tcpExports).filter((method) => filterMethods.has(method))
  const isKnown = own.some((method) => method !== 'onLog')
  return (isKnown ? own : ['onNewConnection', ...own]).map((method) => `export function ${tcpExports[method] as string}`)
}

function rootCallbacks({ filterMethods, pluginMethods }: Plan): string[] {
  const lines: string[] = []
  if (filterMethods.has('onCallResponse') || pluginMethods.has('onCallResponse')) lines.push(`export function proxy_on_http_call_response(id: u32, token: u32, headers: u32, size: u32, trailers: u32): void { streams.callAnswered(token, headers) }`)
  if (pluginMethods.has('onTick')) lines.push('export function proxy_on_tick(id: u32): void { runtime.tick(id) }')
  if (pluginMethods.has('onQueue')) lines.push('export function proxy_on_queue_ready(id: u32, queue: u32): void { runtime.queueReady(id, queue) }')
  return lines
}

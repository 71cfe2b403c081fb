// Writes the module that a host sees: what it exports is what the filter overrides.
import type { ClassNode } from './ast.ts'
import type { UserClass } from './classes.ts'

export const sdkName = '@meshwright/filter-sdk'
/** The file that the compiler is given: it imports the user's, whose exports would be the module's otherwise. */
export const startPath = 'meshwright-start'

/** What the transform has found out. */
export interface Plan {
  readonly filter: UserClass
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
  const imports = [...new Map(plan.classes.map((one) => [one.node.name.text, one])).values()].map(({ node, source }) => `import { ${node.name.text} } from './${source.internalPath}'`)
  return [
    ...imports,
    `import * as runtime from '${sdkName}/runtime'`,
    `export { proxy_abi_version_0_2_1, proxy_on_memory_allocate, proxy_on_context_create, proxy_on_delete, proxy_on_configure } from '${sdkName}/runtime'`,
    ...settingsText(plan),
    `runtime.setFilter((): ${nameOf(plan.filter)} => new ${nameOf(plan.filter)}())`,
    ...(plan.plugin === undefined ? [] : [`runtime.setPlugin((): ${nameOf(plan.plugin)} => new ${nameOf(plan.plugin)}())`]),
    ...streamCallbacks(plan),
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

function streamCallbacks({ filterMethods, request, response }: Plan): string[] {
  const lines: string[] = []
  for (const [direction, body] of [['request', request], ['response', response]] as const) {
    const named = direction === 'request' ? 'Request' : 'Response'
    if (filterMethods.has(`on${named}Headers`) || body.rewrites) lines.push(`export function proxy_on_${direction}_headers(id: u32, count: u32, end: u32): u32 { return runtime.${direction}Headers(id, end, ${body.rewrites}) }`)
    if (body.wanted) lines.push(`export function proxy_on_${direction}_body(id: u32, size: u32, end: u32): u32 { return runtime.${direction}Body(id, end, ${body.whole}) }`)
    if (filterMethods.has(`on${named}Trailers`) || body.whole) lines.push(`export function proxy_on_${direction}_trailers(id: u32, count: u32): u32 { return runtime.${direction}Trailers(id, ${body.whole}) }`)
  }
  if (filterMethods.has('onLog')) lines.push('export function proxy_on_log(id: u32): void { runtime.logged(id) }')
  return lines
}

function rootCallbacks({ filterMethods, pluginMethods }: Plan): string[] {
  const lines: string[] = []
  if (filterMethods.has('onCallResponse') || pluginMethods.has('onCallResponse')) lines.push('export function proxy_on_http_call_response(id: u32, token: u32, headers: u32, size: u32, trailers: u32): void { runtime.callAnswered(token, headers) }')
  if (pluginMethods.has('onTick')) lines.push('export function proxy_on_tick(id: u32): void { runtime.tick(id) }')
  if (pluginMethods.has('onQueue')) lines.push('export function proxy_on_queue_ready(id: u32, queue: u32): void { runtime.queueReady(id, queue) }')
  return lines
}

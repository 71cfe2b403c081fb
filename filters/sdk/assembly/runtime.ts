// From the callbacks of the ABI to methods of the filter. What the transform generates calls these, and exports only what the filter overrides.
import { proxy_get_buffer_bytes, proxy_set_effective_context } from './abi'
import { Body } from './body'
import { CallResponse, waiting } from './call'
import { Action, BufferType, Direction } from './enums'
import { HttpFilter } from './http-filter'
import { log, readLevel } from './log'
import { begin, slot, takeText } from './memory'
import { Plugin } from './plugin'
import { tcpFilterOf } from './tcp-runtime'

export { proxy_on_memory_allocate } from './memory'
export { onAbort } from './abort'
export { seed } from './host'

export function proxy_abi_version_0_2_1(): void {}

let makeFilter: () => HttpFilter = () => unreachable()
let makePlugin: () => Plugin = () => new Plugin()
let readSettings: (text: string) => Object | null = () => null
let hasSettings: bool = false

const streams = new Map<u32, HttpFilter>()
export const plugins = new Map<u32, Plugin>()
export const callResponse = new CallResponse()

/** The plugin that what runs now belongs to. */
let current: Plugin = new Plugin()
let last: HttpFilter | null = null

export function setFilter(make: () => HttpFilter): void {
  makeFilter = make
}

export function setPlugin(make: () => Plugin): void {
  makePlugin = make
}

/** @param read answers null for what is wrong, and has logged why */
export function setSettings(read: (text: string) => Object | null): void {
  readSettings = read
  hasSettings = true
}

/** The configuration as an object of the `@config` class. Everywhere in a filter or plugin. */
export function settings<T>(): T {
  const found = current.settings
  // @ts-ignore: here, T is a class
  assert(found != null && found instanceof T, 'settings<T>() needs the class that is marked @config')
  return changetype<T>(found)
}

/** The configuration as a text. */
export function configuration(): string {
  return current.configuration
}

/** The plugin of a filter, by its class. */
export function owner<T>(): T {
  // @ts-ignore: here, T is a class
  assert(current instanceof T, 'owner<T>() needs the class that is marked @plugin')
  return changetype<T>(current)
}

/** The filter of a stream that is still there: for ticks and queues, which then act on its request. */
export function filterOf<T>(contextId: u32): T | null {
  // @ts-ignore: here, T is a class, and the compiler knows of which kind
  if (!(changetype<T>(0) instanceof HttpFilter)) return tcpFilterOf<T>(contextId)
  if (!streams.has(contextId)) return null
  const found = streams.get(contextId)
  // @ts-ignore: here, T is a class
  if (!(found instanceof T) || proxy_set_effective_context(contextId) != 0) return null
  return changetype<T>(found)
}

// @ts-ignore: decorator
@inline
export function createPlugin(id: u32): void {
  const made = makePlugin()
  made.contextId = id
  plugins.set(id, made)
}

/** What runs from here on belongs to it. */
export function enterPlugin(owner: Plugin): void {
  current = owner
}

export function proxy_on_context_create(id: u32, parent: u32): void {
  if (parent == 0) {
    createPlugin(id)
    return
  }
  if (plugins.has(parent)) current = plugins.get(parent)
  const made = makeFilter()
  made.contextId = id
  made.owner = current
  streams.set(id, made)
  last = made
}

export function proxy_on_delete(id: u32): void {
  last = null
  if (!streams.delete(id)) plugins.delete(id)
}

export function proxy_on_configure(id: u32, size: u32): u32 {
  readLevel()
  current = plugins.get(id)
  begin()
  current.configuration = size > 0 && proxy_get_buffer_bytes(BufferType.PluginConfiguration, 0, size, slot, slot + 4) == 0 ? takeText() : ''
  if (hasSettings) {
    const settings = readSettings(current.configuration)
    if (settings == null) return 0
    current.settings = settings
  }
  const taken = current.onConfigure()
  deliverToPlugin(current)
  return taken ? 1 : 0
}

export function tick(id: u32): void {
  readLevel()
  current = plugins.get(id)
  current.onTick()
  deliverToPlugin(current)
}

export function queueReady(id: u32, queue: u32): void {
  current = plugins.get(id)
  current.onQueue(queue)
  deliverToPlugin(current)
}

// A request of one stream is often followed by its response: the last one found is kept.
function enter(id: u32): HttpFilter {
  const known = last
  const filter = known != null && known.contextId == id ? known : streams.get(id)
  last = filter
  const owner = filter.owner
  if (owner != null) current = owner
  filter.inside = true
  filter.resumed = false
  return filter
}

/** What becomes of a stream after a phase: calls that were refused are answered first, as they may let it go on. */
function leave(filter: HttpFilter, action: Action, direction: Direction): u32 {
  let answer = filter.refused == null ? action : deliver(filter, action)
  filter.inside = false
  if (filter.resumed && !filter.replied) answer = Action.Continue
  filter.paused = answer == Action.Continue ? Direction.None : direction
  return answer
}

function deliver(filter: HttpFilter, action: Action): Action {
  let answer = action
  let refused = filter.refused
  while (refused != null && !filter.replied) {
    filter.refused = null
    callResponse.ok = false
    for (let i = 0; i < refused.length && !filter.replied; i++) answer = filter.onCallResponse(refused[i], callResponse)
    refused = filter.refused
  }
  return answer
}

export function deliverToPlugin(owner: Plugin): void {
  // A plugin that calls again at each refusal would never end: one round, the rest comes with the next callback.
  const refused = owner.refused
  if (refused == null) return
  owner.refused = null
  callResponse.ok = false
  for (let i = 0; i < refused.length; i++) owner.onCallResponse(refused[i], callResponse)
}

/** @param rewrites the body may change: its length is not known in advance */
export function requestHeaders(id: u32, end: u32, rewrites: bool): u32 {
  const filter = enter(id)
  const action = filter.onRequestHeaders(end != 0)
  if (rewrites && end == 0 && !filter.replied) filter.request.headers.delete('content-length')
  return leave(filter, action, Direction.Request)
}

export function responseHeaders(id: u32, end: u32, rewrites: bool): u32 {
  const filter = enter(id)
  const action = filter.onResponseHeaders(end != 0)
  if (rewrites && end == 0) filter.response.headers.delete('content-length')
  return leave(filter, action, Direction.Response)
}

/** @param whole the filter wants all of it at once */
export function requestBody(id: u32, end: u32, whole: bool): u32 {
  if (whole && end == 0) return Action.Pause
  const filter = enter(id)
  filter.requestBodySeen = end != 0
  return leave(filter, filter.onRequestBody(filter.request.body, end != 0), Direction.Request)
}

export function responseBody(id: u32, end: u32, whole: bool): u32 {
  if (whole && end == 0) return Action.Pause
  const filter = enter(id)
  filter.responseBodySeen = end != 0
  return leave(filter, filter.onResponseBody(filter.response.body, end != 0), Direction.Response)
}

/** Where trailers follow, the last piece of a body does not say that it is the last. */
export function requestTrailers(id: u32, whole: bool): u32 {
  const filter = enter(id)
  let action = Action.Continue
  if (whole && !filter.requestBodySeen) {
    filter.requestBodySeen = true
    action = filter.onRequestBody(filter.request.body, true)
  }
  if (action == Action.Continue) action = filter.onRequestTrailers()
  return leave(filter, action, Direction.Request)
}

export function responseTrailers(id: u32, whole: bool): u32 {
  const filter = enter(id)
  let action = Action.Continue
  if (whole && !filter.responseBodySeen) {
    filter.responseBodySeen = true
    action = filter.onResponseBody(filter.response.body, true)
  }
  if (action == Action.Continue) action = filter.onResponseTrailers()
  return leave(filter, action, Direction.Response)
}

export function logged(id: u32): void {
  const filter = enter(id)
  filter.onLog()
  filter.inside = false
}

export function callAnswered(token: u32, headers: u32): void {
  if (!waiting.has(token)) return
  const call = waiting.get(token)
  waiting.delete(token)
  if (plugins.has(call.context)) {
    current = plugins.get(call.context)
    callResponse.ok = headers > 0
    current.onCallResponse(call.tag, callResponse)
    deliverToPlugin(current)
    return
  }
  // Its request is over: there is nobody to tell.
  if (!streams.has(call.context) || proxy_set_effective_context(call.context) != 0) return
  const filter = enter(call.context)
  filter.pending--
  callResponse.ok = headers > 0
  const direction = filter.paused
  const answer = leave(filter, filter.onCallResponse(call.tag, callResponse), direction)
  if (answer != Action.Continue || direction == Direction.None) return
  filter.paused = direction
  filter.resume()
}

// From the callbacks of the ABI for TCP to methods of the filter: as runtime.ts, which has what is not about streams.
import { proxy_set_effective_context } from './abi'
import { waiting } from './call'
import { Action, ClosedBy } from './enums'
import { callResponse, createPlugin, deliverToPlugin, enterPlugin, plugins } from './runtime'
import { TcpFilter } from './tcp-filter'

// Lazy: modules for HTTP come by here, and keep nothing of it.
// @ts-ignore: decorator
@lazy let makeFilter: () => TcpFilter = () => unreachable()
// @ts-ignore: decorator
@lazy const streams: Map<u32, TcpFilter> = new Map<u32, TcpFilter>()
// @ts-ignore: decorator
@lazy let last: TcpFilter | null = null

export function setFilter(make: () => TcpFilter): void {
  makeFilter = make
}

/** `filterOf`, for filters of this kind. */
export function tcpFilterOf<T>(contextId: u32): T | null {
  if (!streams.has(contextId)) return null
  const found = streams.get(contextId)
  // @ts-ignore: here, T is a class
  if (!(found instanceof T) || proxy_set_effective_context(contextId) != 0) return null
  return changetype<T>(found)
}

export function proxy_on_context_create(id: u32, parent: u32): void {
  if (parent == 0) {
    createPlugin(id)
    return
  }
  const owner = plugins.get(parent)
  enterPlugin(owner)
  const made = makeFilter()
  made.contextId = id
  made.owner = owner
  streams.set(id, made)
  last = made
}

export function proxy_on_delete(id: u32): void {
  last = null
  if (!streams.delete(id)) plugins.delete(id)
}

// One callback of a connection is often followed by another: the last one found is kept.
function enter(id: u32): TcpFilter {
  const known = last
  const filter = known != null && known.contextId == id ? known : streams.get(id)
  last = filter
  const owner = filter.owner
  if (owner != null) enterPlugin(owner)
  return filter
}

export function newConnection(id: u32): u32 {
  const filter = ask(id)
  return leave(filter, filter.onNewConnection())
}

export function downstreamData(id: u32, end: u32): u32 {
  const filter = ask(id)
  return leave(filter, filter.onDownstreamData(filter.downstream, end != 0))
}

function ask(id: u32): TcpFilter {
  const filter = enter(id)
  filter.asked = true
  filter.resumed = false
  return filter
}

/** What becomes of the client's side: calls that were refused are answered first, as they may let it go on. */
function leave(filter: TcpFilter, action: Action): u32 {
  const answer = deliver(filter, action)
  filter.asked = false
  filter.paused = filter.closed || (answer != Action.Continue && !filter.resumed)
  return filter.paused ? Action.Pause : Action.Continue
}

export function upstreamData(id: u32, end: u32): u32 {
  const filter = enter(id)
  const action = filter.onUpstreamData(filter.upstream, end != 0)
  settle(filter, Action.Pause)
  return filter.closed ? Action.Pause : action
}

export function upstreamClosed(id: u32, by: ClosedBy): void {
  const filter = enter(id)
  filter.onUpstreamClose(by)
  settle(filter, Action.Pause)
}

export function downstreamClosed(id: u32, by: ClosedBy): void {
  enter(id).onDownstreamClose(by)
}

export function logged(id: u32): void {
  enter(id).onLog()
}

export function callAnswered(token: u32, headers: u32): void {
  if (!waiting.has(token)) return
  const call = waiting.get(token)
  waiting.delete(token)
  if (plugins.has(call.context)) {
    const owner = plugins.get(call.context)
    enterPlugin(owner)
    callResponse.ok = headers > 0
    owner.onCallResponse(call.tag, callResponse)
    deliverToPlugin(owner)
    return
  }
  // Its connection is over: there is nobody to tell.
  if (!streams.has(call.context) || proxy_set_effective_context(call.context) != 0) return
  const filter = enter(call.context)
  filter.pending--
  callResponse.ok = headers > 0
  settle(filter, filter.onCallResponse(call.tag, callResponse))
}

/** After what is not about bytes of the client: an answer to a call may let those go that are held. */
function settle(filter: TcpFilter, action: Action): void {
  if (deliver(filter, action) == Action.Continue) filter.resume()
}

/** Answers calls that were refused. @returns the last answer */
function deliver(filter: TcpFilter, action: Action): Action {
  let answer = action
  let refused = filter.refused
  while (refused != null && !filter.closed) {
    filter.refused = null
    callResponse.ok = false
    for (let i = 0; i < refused.length && !filter.closed; i++) answer = filter.onCallResponse(refused[i], callResponse)
    refused = filter.refused
  }
  return answer
}

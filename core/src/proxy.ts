// The path of a request: filters, an endpoint, an attempt, and perhaps another one. Read this file first.
import { isPromise, type Verdict } from './chain.ts'
import { MeshError, toMeshError } from './errors.ts'
import type { Response } from './exchange.ts'
import { isIdempotent } from './methods.ts'
import type { Awaitable, RetryPolicy } from './questions.ts'
import type { Relay } from './relay.ts'

/** Takes an exchange from its first filter to the client. Everything that may go wrong ends in `relay.fail`. */
export function proxy(relay: Relay): void {
  const verdict = relay.chain.requestHeaders(relay.exchange)
  if (verdict === undefined) route(relay, undefined)
  else when(verdict, relay, route)
}

/** The filters have passed it: answer it here if the route says so, choose the service otherwise. */
function route(relay: Relay, verdict: Verdict): void {
  if (verdict !== undefined) return relay.conclude(verdict)
  relay.passed()
  const { exchange } = relay
  if (exchange.route === undefined) return relay.fail(new MeshError('MESH_NO_ROUTE'))
  const reply = exchange.route.reply(exchange.request)
  if (reply !== undefined) return relay.answer(reply)
  const target = exchange.route.target()
  exchange.service = target.service
  relay.timeouts = target.timeouts
  exchange.route.rewrite(exchange.request)
  exchange.body?.prepare(relay, exchange, relay.chain.requestBody, target.service.retry === undefined ? 0 : (target.service.retry.replayBytes ?? 65_536))
  relay.startClock(target.timeouts.requestMs)
  attempt(relay)
}

/** One try on one endpoint. */
export function attempt(relay: Relay): void {
  const { exchange } = relay
  const service = exchange.service
  if (service === undefined) return relay.fail(new MeshError('MESH_NO_SERVICE'))
  exchange.attempt++
  exchange.sent = false
  exchange.error = undefined
  const endpoint = service.pick(exchange)
  if (endpoint instanceof MeshError) return relay.fail(endpoint)
  exchange.endpoint = endpoint
  const header = service.retry?.attemptHeader
  if (header !== undefined) exchange.request.headers.set(header, String(exchange.attempt))
  const refused = service.admit(exchange)
  if (refused !== undefined) return relay.fail(refused)
  relay.countAttempt()
  const verdict = relay.chain.attempt(exchange)
  if (verdict === undefined) relay.send(endpoint)
  else when(verdict, relay, send)
}

function send(relay: Relay, verdict: Verdict): void {
  if (verdict !== undefined) return relay.conclude(verdict)
  if (relay.exchange.endpoint !== undefined) relay.send(relay.exchange.endpoint)
}

/** The response filters have spoken: the response goes downstream. */
export function respond(relay: Relay, verdict: Verdict): void {
  if (verdict !== undefined) return relay.conclude(verdict)
  const { exchange } = relay
  if (exchange.response === undefined) return relay.fail(new MeshError('MESH_INTERNAL', 'no response to send'))
  exchange.route?.changeResponse(exchange.response.headers)
  relay.forward(exchange.response)
}

/** Is it a response that the policy is to be asked about? */
export function mayBeFailure(response: Response, policy: RetryPolicy): boolean {
  if (response.status >= 400 || policy.everyResponse === true) return true
  const grpcStatus = response.headers.get('grpc-status')
  return grpcStatus !== undefined && grpcStatus !== '0'
}

/**
 * An attempt has failed, by an error or by a response that is one: makes another if the policy wants it and the law allows it.
 * @returns whether another attempt will be made
 */
export function recover(relay: Relay, error: MeshError | undefined): boolean {
  const { exchange } = relay
  const policy = exchange.service?.retry
  if (policy === undefined || !mayRepeat(relay)) return false
  exchange.error = error
  const delayMs = askRetry(policy, relay)
  if (delayMs === undefined || performance.now() + delayMs >= exchange.deadlineMs) return false
  relay.abortAttempt(error ?? new MeshError('MESH_INTERNAL', 'another attempt is made'))
  relay.endAttempt()
  relay.countRetry()
  exchange.response = undefined
  if (delayMs > 0) later(relay, delayMs)
  else attempt(relay)
  return true
}

/** The policy's answer; whatever is no delay means no. */
function askRetry(policy: RetryPolicy, relay: Relay): number | undefined {
  try {
    const delayMs: unknown = policy.next(relay.exchange)
    if (delayMs === undefined || delayMs === null) return undefined
    if (typeof delayMs === 'number' && delayMs >= 0) return Math.min(delayMs, maxDelayMs)
    throw new TypeError('answered neither nothing nor a delay')
  } catch (thrown) {
    relay.host.pluginFailed(toMeshError(thrown, 'MESH_PLUGIN_FAILED', 'retry policy'))
    return undefined
  }
}

/** A policy that never has enough ends here. */
const maxAttempts = 100

/** What a timer can hold. */
const maxDelayMs = 0x7fff_ffff

/**
 * May it be sent once more? Only while nothing went downstream and the request is still whole; and a request that is not
 * idempotent only when no byte of it reached an endpoint (RFC 9110 §9.2.2).
 */
function mayRepeat(relay: Relay): boolean {
  const { exchange } = relay
  if (relay.over || relay.downstream.headSent || exchange.attempt >= maxAttempts) return false
  if (exchange.body !== undefined && !exchange.body.replayable) return false
  return !relay.sent || isIdempotent(exchange.request.method)
}

function later(relay: Relay, delayMs: number): void {
  relay.repeat = setTimeout(() => {
    if (!relay.over) attempt(relay)
  }, delayMs)
}

/** Goes on with a verdict now or when it is there; not if the exchange is over by then, or has come to another attempt. */
export function when(verdict: Awaitable<Verdict>, relay: Relay, next: (relay: Relay, verdict: Verdict) => void): void {
  if (!isPromise(verdict)) return next(relay, verdict)
  const { attempt: number } = relay.exchange
  relay.waitForFilter()
  verdict.then(
    (value) => {
      if (relay.over || relay.exchange.attempt !== number) return
      relay.endpointAtMs = Infinity
      next(relay, value)
    },
    (thrown: unknown) => relay.fail(toMeshError(thrown, 'MESH_INTERNAL', 'a phase')),
  )
}

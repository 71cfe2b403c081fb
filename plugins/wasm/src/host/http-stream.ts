// The way of one exchange through a guest: a context with two halves, each of which may pause, be changed, and be answered by a reply.
import type { Exchange, Headers, Reply } from '@meshwright/core'
import { MeshError, toMeshError } from '@meshwright/core/thread'
import { hasBody, isBodyless } from './bodies.ts'
import type { Context, LocalResponse } from './context.ts'
import { GuestFailure } from './failure.ts'
import type { Half } from './half.ts'
import type { HttpCallbacks } from './http-callbacks.ts'
import { HttpView, type Message } from './http-view.ts'
import { isGrpc, toReply } from './local-reply.ts'
import type { ResponseHead } from './message-fields.ts'
import type { RootContext } from './root-context.ts'
import type { StreamOwner } from './stream-owner.ts'
import { BodyAction, HeadersAction, StreamType } from './status.ts'
import type { GuestFunction } from './vm.ts'

/** What a phase makes of an exchange: nothing (go on), or a reply. It throws the error that the exchange fails with. */
export type Outcome = Reply | undefined

type Bytes = Uint8Array | Reply

const empty = new Uint8Array(0)

/**
 * The phases are those of a filter. When the VM dies in one of them, or has died before, the stream decides what that means:
 * the exchange fails, or it goes on with every byte that the guest held back.
 */
export class HttpStream extends HttpView implements Context {
  /** The stream of the same exchange through another filter. */
  next: HttpStream | undefined = undefined
  readonly #callbacks: HttpCallbacks
  #begun = false
  #reply: Reply | undefined = undefined
  #replying = false
  /** What the guest has answered while the stream was in no phase; a phase that begins meanwhile gets it too. */
  #outOfTurn: Reply | Promise<Reply> | undefined = undefined
  #closed: MeshError | undefined = undefined
  #putOff = false
  #askAgain = false

  constructor(root: RootContext, exchange: Exchange, callbacks: HttpCallbacks, owner: StreamOwner) {
    super(root, exchange, owner)
    this.#callbacks = callbacks
  }

  // -- the phases, as the chain calls them

  requestHeaders(): Outcome | Promise<Outcome> {
    try {
      this.#begin()
      if (this.#reply !== undefined) return this.#replied()
      const { requestHeaders } = this.#callbacks
      if (requestHeaders === undefined) return this.#released(this.request)
      const { body } = this.exchange
      return this.#headers(this.request, requestHeaders, this.mapOfRequest().size, body === undefined)
    } catch (thrown) {
      return this.#without(thrown)
    }
  }

  /** Changed bytes, or a reply. */
  requestBody(chunk: Uint8Array, last: boolean): Bytes | Promise<Bytes> {
    if (this.#outOfTurn !== undefined) return this.#outOfTurn
    const { requestBody, requestTrailers } = this.#callbacks
    return this.#body(this.request, requestBody, requestTrailers, this.exchange.request, chunk, last)
  }

  responseHeaders(): Outcome | Promise<Outcome> {
    const { response } = this.exchange
    if (response === undefined) return undefined
    try {
      this.#begin()
      if (this.#closed !== undefined) throw this.#closed
      if (this.#outOfTurn !== undefined) return this.#outOfTurn
      if (this.#reply !== undefined) return this.#replied()
      this.respondWith(response)
      const { responseHeaders } = this.#callbacks
      if (responseHeaders === undefined) return undefined
      return this.#headers(this.response, responseHeaders, this.mapOfResponse(response).size, isBodyless(this.exchange, response))
    } catch (thrown) {
      return this.#without(thrown)
    }
  }

  /** For a guest that is not asked about it. */
  meetResponse(): undefined {
    const { response } = this.exchange
    if (response !== undefined && this.phase === 'request') this.respondWith(response)
  }

  responseBody(chunk: Uint8Array, last: boolean): Uint8Array | Promise<Uint8Array> {
    const { response } = this.exchange
    if (response === undefined) return chunk
    this.meetResponse()
    const { responseBody, responseTrailers } = this.#callbacks
    // The head is gone, so there is never a reply.
    return this.#body(this.response, responseBody, responseTrailers, response, chunk, last) as Uint8Array | Promise<Uint8Array>
  }

  /** The exchange is over: the guest may log it, and lets go of it. */
  end(): void {
    this.releaseAll()
    this.close()
    const { vm } = this.root
    try {
      if (vm.failure === undefined) this.#sayGoodBye()
    } catch (thrown) {
      // The VM has told everybody why it failed, and the exchange is over anyway.
      if (!(thrown instanceof GuestFailure)) throw thrown
    }
    if (!this.#putOff) vm.contexts.delete(this.id)
  }

  /** The VM is dead: whoever waits for it is let go, or fails. */
  abandon(): void {
    const { streamError } = this.owner
    for (const side of ['request', 'response'] as const) {
      const half = side === 'request' ? this.request : this.response
      if (streamError !== undefined) half.fail(streamError)
      else if (half.release()) this.owner.wake(this.exchange, side)
    }
    this.root.vm.contexts.delete(this.id)
  }

  /** Whether the guest holds bytes of a body back. */
  holds(of: 'request' | 'response'): boolean {
    return (of === 'request' ? this.request : this.response).holding
  }

  // -- Context

  sendLocalResponse(response: LocalResponse): void {
    // One at a time; a head that has gone cannot be taken back.
    if (this.#reply !== undefined || this.#replying || this.phase === 'over') return
    this.#reply = toReply(response, isGrpc(this.exchange))
    this.details = response.details.replaceAll(/\s/g, '_')
    // Not inside of the guest, which is to see its reply.
    if (!this.#isInPhase()) this.root.vm.defer(() => this.#answerOutOfTurn())
    this.releaseAll()
  }

  continueStream(type: number): void {
    if (type === StreamType.request && this.request.goOn()) this.owner.wake(this.exchange, 'request')
    else if (type === StreamType.response && this.response.goOn()) this.owner.wake(this.exchange, 'response')
  }

  callsAnswered(): void {
    const { afterCalls } = this.root.dialect
    this.#askAgain = afterCalls === 'again' && this.request.stopped && !this.request.headSent
    if (this.#askAgain) this.request.release()
    else if (afterCalls === 'goOn' && this.request.stopped) this.continueStream(StreamType.request)
    else if (afterCalls === 'goOn' && this.response.stopped) this.continueStream(StreamType.response)
  }

  closeStream(type: number): void {
    if ((type !== StreamType.request && type !== StreamType.response) || this.phase === 'over') return
    this.details = 'wasm_close_stream'
    this.#closed = new MeshError('MESH_WASM_CLOSED')
    if (!this.#isInPhase()) this.owner.answer(this.exchange, this.#closed)
    this.request.fail(this.#closed)
    this.response.fail(this.#closed)
  }

  clearRouteCache(): void {
    if (this.phase === 'request' && !this.request.headSent) this.owner.reroute(this.exchange)
  }

  done(): boolean {
    if (!this.#putOff) return false
    this.#putOff = false
    this.root.vm.defer(() => this.#delete())
    return true
  }

  // -- headers

  #begin(): void {
    const { vm } = this.root
    if (vm.failure !== undefined) throw vm.failure
    if (this.#begun) return
    this.#begun = true
    vm.contexts.set(this.id, this)
    const { create } = this.#callbacks
    if (create === undefined) return
    this.request.enter()
    try {
      vm.call(create, this, this.id, this.root.id)
    } finally {
      this.request.leave()
    }
  }

  /** Somebody gets the guest's answer: a callback of this stream is running, or somebody waits for it. */
  #isInPhase(): boolean {
    return this.request.busy || this.response.busy
  }

  /** One direction's head: what the guest makes of it, now or when it goes on. */
  #headers(half: Half, onHeaders: GuestFunction, size: number, ends: boolean): Outcome | Promise<Outcome> {
    const { endsHeads, stopsResponses } = this.root.dialect
    const action = this.#tell(half, onHeaders, size, ends && endsHeads ? 1 : 0)
    if (this.#reply !== undefined) return this.#replied()
    if (this.#closed !== undefined) throw this.#closed
    const goesOn = action === HeadersAction.continue || action === HeadersAction.continueAndEnd || (half === this.response && !stopsResponses)
    if (!goesOn) half.stop()
    if (!half.stopped) return this.#released(half)
    const waits = action === HeadersAction.stop && !ends && (this.#callbacks.stopsHeadsOnly || this.root.surroundings.settings.allowHeadersStop) ? this.#readAhead(half) : this.#paused(half)
    return waits.catch((thrown: unknown) => this.#without(thrown))
  }

  async #paused(half: Half): Promise<Outcome> {
    await half.pause()
    if (this.#reply !== undefined) return this.#replied()
    if (this.#askAgain) {
      this.#askAgain = false
      return this.requestHeaders()
    }
    return this.#released(half)
  }

  /** A head that the guest has let go: it goes on, or waits for its body where requests are read first. */
  #released(half: Half): Outcome | Promise<Outcome> {
    if (this.#readsFirst(half)) return this.#readAhead(half).catch((thrown: unknown) => this.#without(thrown))
    half.headSent = true
    return undefined
  }

  /** A request with a body waits for it, with this host and this guest. */
  #readsFirst(half: Half): boolean {
    return half === this.request && this.root.dialect.readsRequests && this.#callbacks.requestBody !== undefined && this.exchange.body !== undefined
  }

  /** The head waits while the guest looks at the body: it is read whole first, and handed on later as the guest has left it. */
  async #readAhead(half: Half): Promise<Outcome> {
    const isRequest = half === this.request
    const onBody = isRequest ? this.#callbacks.requestBody : this.#callbacks.responseBody
    const message = isRequest ? this.exchange.request : this.exchange.response
    const source = isRequest ? this.exchange.body : this.exchange.response
    if (onBody === undefined || source === undefined || message === undefined) return this.#paused(half)
    const read = source.read(this.root.surroundings.settings.bufferBytes)
    // The guest may answer, or go on, before there is a body.
    let whole = await Promise.race([read, half.pause()])
    while (whole === undefined && this.#readsFirst(half) && this.#reply === undefined && !this.#isOver()) whole = await Promise.race([read, half.pause()])
    if (this.#reply !== undefined) return this.#replied()
    if (whole === undefined || this.#isOver()) return undefined
    message.trailers ??= source.trailers
    half.release()
    half.headSent = false
    const out = await this.#passAhead(half, whole, onBody, isRequest ? this.#callbacks.requestTrailers : this.#callbacks.responseTrailers, message)
    if (!(out instanceof Uint8Array)) return out
    half.headSent = true
    half.ahead = true
    half.arrived(out, true)
    return undefined
  }

  async #passAhead(half: Half, whole: Uint8Array, onBody: GuestFunction, onTrailers: GuestFunction | undefined, message: Message): Promise<Bytes> {
    half.arrived(whole, true)
    try {
      return await this.#pass(half, onBody, onTrailers, message)
    } catch (thrown) {
      // What was read ahead still comes: without the guest it goes as it is.
      half.take()
      throw thrown
    }
  }

  // -- bodies

  /** One direction's chunk: what the guest makes of it, now or when it goes on. */
  #body(half: Half, onBody: GuestFunction | undefined, onTrailers: GuestFunction | undefined, message: Message, chunk: Uint8Array, last: boolean): Bytes | Promise<Bytes> {
    // Woken by what the guest has let go meanwhile.
    if (chunk.byteLength === 0 && !last) return half.takeReady()
    // The guest has seen it, and what it made of it is here.
    if (half.ahead) return last ? half.take() : empty
    half.headSent = true
    half.arrived(chunk, last)
    try {
      this.#begin()
      const out = this.#pass(half, onBody, onTrailers, message)
      return out instanceof Promise ? out.catch((thrown: unknown) => this.#without(thrown) ?? half.take()) : out
    } catch (thrown) {
      this.#without(thrown)
      return half.take()
    }
  }

  #pass(half: Half, onBody: GuestFunction | undefined, onTrailers: GuestFunction | undefined, message: Message): Bytes | Promise<Bytes> {
    const { last } = half
    // A guest that does not ask for trailers is told of the end all the same.
    const trailers = last && onTrailers !== undefined ? message.trailers : undefined
    const ends = last && trailers === undefined
    if (onBody !== undefined && (ends || half.fresh)) {
      half.apply(this.#tell(half, onBody, half.size, ends ? 1 : 0))
      this.#checkHead(half)
      if (this.#reply === undefined && half.stopped && (ends || half.full)) return half.pause().then(() => this.#passTrailers(half, onTrailers, trailers))
    } else if (!half.stopped) {
      half.apply(BodyAction.continue)
    }
    return this.#passTrailers(half, onTrailers, trailers)
  }

  #passTrailers(half: Half, onTrailers: GuestFunction | undefined, trailers: Headers | undefined): Bytes | Promise<Bytes> {
    if (onTrailers === undefined || trailers === undefined || this.#reply !== undefined || this.root.vm.failure !== undefined) return this.#leaving(half)
    const action = this.#tell(half, onTrailers, trailers.size, 0)
    this.#checkHead(half)
    if (this.#reply !== undefined || action === HeadersAction.continue) return this.#leaving(half, true)
    half.stop()
    return half.stopped ? half.pause().then(() => this.#leaving(half)) : this.#leaving(half)
  }

  /** What goes on of a body now. */
  #leaving(half: Half, all = false): Bytes | Promise<Bytes> {
    if (this.#reply !== undefined) return this.#replied()
    return all || !half.stopped ? half.take() : half.takeReady()
  }

  /** Once a response has begun, neither a reply nor an error can take its place. */
  #checkHead(half: Half): void {
    if (this.#closed !== undefined) throw this.#closed
    if (this.#reply !== undefined && half === this.response && half.headSent && !this.#replying) throw new MeshError('MESH_WASM_CLOSED', 'it replied when the response had begun')
  }

  #tell(half: Half, callback: GuestFunction, size: number, ends: number): number {
    half.enter()
    try {
      return this.root.vm.call(callback, this, this.id, size, ends)
    } finally {
      half.leave()
    }
  }

  // -- replies

  /** The reply that the guest has asked for. It goes through the guest's own response callbacks, as any response does that has not reached them yet. */
  #replied(): Reply | Promise<Reply> {
    const made = this.#reply as Reply
    this.#reply = undefined
    this.#replying = true
    if (this.phase !== 'request') return made
    const head = { status: made.status, headers: made.headers }
    this.respondWith(head)
    try {
      const seen = this.#throughGuest(made, head)
      return seen instanceof Promise ? seen.catch((thrown: unknown) => this.#replyWithout(thrown, made)) : seen
    } catch (thrown) {
      return this.#replyWithout(thrown, made)
    }
  }

  #throughGuest(made: Reply, head: ResponseHead): Reply | Promise<Reply> {
    const { responseHeaders } = this.#callbacks
    if (responseHeaders !== undefined) {
      const action = this.#tell(this.response, responseHeaders, this.mapOfResponse(head).size, hasBody(this.exchange, made) ? 0 : 1)
      if (action !== HeadersAction.continue && action !== HeadersAction.continueAndEnd) {
        this.response.stop()
        if (this.response.stopped) return this.response.pause().then(() => this.#replyBody(made, head))
      }
    }
    return this.#replyBody(made, head)
  }

  #replyBody(made: Reply, head: ResponseHead): Reply | Promise<Reply> {
    this.response.headSent = true
    const finish = (body: Bytes): Reply => ({ status: head.status, headers: head.headers, body: body as Uint8Array })
    if (this.#callbacks.responseBody === undefined || !hasBody(this.exchange, made)) return finish(made.body)
    this.response.arrived(made.body, true)
    const out = this.#pass(this.response, this.#callbacks.responseBody, undefined, { trailers: undefined })
    return out instanceof Promise ? out.then(finish) : finish(out)
  }

  /** A guest that refuses a request and then fails has refused it, whatever becomes of its exchanges otherwise. */
  #replyWithout(thrown: unknown, made: Reply): Reply {
    this.#without(thrown)
    return made
  }

  #answerOutOfTurn(): void {
    if (this.#reply === undefined || this.phase === 'over') return
    const { exchange, owner } = this
    const fail = (thrown: unknown): void => owner.answer(exchange, toMeshError(thrown, 'MESH_WASM_FAILED', 'a reply'))
    try {
      const made = (this.#outOfTurn = this.#replied())
      if (made instanceof Promise) made.then((reply) => owner.answer(exchange, reply), fail)
      else owner.answer(exchange, made)
    } catch (thrown) {
      fail(thrown)
    }
  }

  // -- private

  /** What is thrown out of a phase: the guest has failed, and the exchange goes on without it or fails; or the exchange fails anyway. */
  #without(thrown: unknown): undefined {
    if (!(thrown instanceof GuestFailure)) throw thrown
    if (this.owner.streamError !== undefined) throw this.owner.streamError
    return undefined
  }

  #isOver(): boolean {
    return this.phase === 'over'
  }

  #sayGoodBye(): void {
    this.#begin()
    const { log, done } = this.#callbacks
    const { vm } = this.root
    if (log !== undefined) vm.call(log, this, this.id)
    if (done !== undefined && vm.call(done, this, this.id) === 0 && vm.contexts.size < maxContexts) this.#putOff = true
    else this.#delete()
  }

  #delete(): void {
    const { vm } = this.root
    vm.contexts.delete(this.id)
    if (this.#callbacks.delete === undefined || vm.failure !== undefined) return
    try {
      vm.call(this.#callbacks.delete, this, this.id)
    } catch (thrown) {
      if (!(thrown instanceof GuestFailure)) throw thrown
    }
  }
}

/** Contexts of a VM up to which a guest may put their end off. */
const maxContexts = 50_000

declare module '@meshwright/core' {
  interface ExchangeState {
    /** The streams of an exchange through WASM filters, linked by `next`. */
    wasm?: HttpStream
  }
}

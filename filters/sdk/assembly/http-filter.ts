// The class that filters extend: one object for each request, with a method for each phase it wants to see.
import { proxy_close_stream, proxy_continue_stream, proxy_send_local_response } from './abi'
import { Body } from './body'
import { toBytes } from './bytes'
import { CallOptions, CallResponse, dispatch } from './call'
import { Action, Direction } from './enums'
import { begin, put, putAt } from './memory'
import { Request, Response } from './message'
import { encodePairs } from './pairs'
import { Plugin } from './plugin'
import { Some } from '@meshwright/filter-sdk/some'

/** What a reply has beside status and body. */
export class ReplyOptions {
  /** Each a name and a value: `[["www-authenticate", "Bearer"]]`. */
  headers: string[][] = []
  /** 0..16 for requests of gRPC; -1: none. */
  grpcStatus: i32 = -1
  /** Why, for the access log. */
  details: string = ''
}

// Stateless: which stream they stand for is decided by the host, from the callback that runs.
const theRequest: Request = new Request()
const theResponse: Response = new Response()

/**
 * Phases that a class does not override are not exported: the host does not call it for them. A phase answers whether the
 * stream goes on, waits, or, with `return this.reply(…)`, is answered here.
 */
export abstract class HttpFilter {
  /** For the runtime, from here on. */
  contextId: u32 = 0
  owner: Plugin | null = null
  paused: Direction = Direction.None
  inside: bool = false
  resumed: bool = false
  replied: bool = false
  requestBodySeen: bool = false
  responseBodySeen: bool = false
  refused: string[] | null = null
  /** Calls whose answers have not come yet. */
  pending: i32 = 0

  get request(): Request {
    return theRequest
  }

  /** Readable from `onResponseHeaders` on. */
  get response(): Response {
    return theResponse
  }

  /** @param end there is no body */
  onRequestHeaders(end: bool): Action {
    return Action.Continue
  }

  /**
   * Called for each piece of the body, or with `@buffer` once for all of it. Paused, it is called again with all pieces so far.
   * Content-Length is removed from the headers, as the body may change; `@inspect` says that it does not.
   * @param end nothing follows
   */
  onRequestBody(body: Body, end: bool): Action {
    return Action.Continue
  }

  onRequestTrailers(): Action {
    return Action.Continue
  }

  /** @param end there is no body */
  onResponseHeaders(end: bool): Action {
    return Action.Continue
  }

  /** As `onRequestBody`. */
  onResponseBody(body: Body, end: bool): Action {
    return Action.Continue
  }

  onResponseTrailers(): Action {
    return Action.Continue
  }

  /**
   * The answer to a {@link call}, also when there is none (`response.ok`). Not called when the request is over by then.
   * @returns `Continue`: the stream goes on; `Pause`: it waits still; or `this.reply(…)`
   */
  onCallResponse(tag: string, response: CallResponse): Action {
    return Action.Continue
  }

  /** All is over. Everything can be read, nothing changed. */
  onLog(): void {}

  /** Answers the request here. Without effect once response headers have been sent. Body: a text or bytes. */
  reply<T = string>(status: u32, body: T, options: Some<ReplyOptions> = {}): Action {
    const given = changetype<ReplyOptions>(options)
    const bytes = toBytes(body)
    const headers = encodePairs(given.headers)
    const headersLength: usize = given.headers.length == 0 ? 0 : headers.length
    begin()
    const details = put(given.details)
    this.replied = true
    proxy_send_local_response(status, putAt, details, bytes.dataStart, bytes.length, headers.dataStart, headersLength, given.grpcStatus)
    return Action.Pause
  }

  /**
   * Calls a service of the mesh: `return this.call(…)`. The answer comes to `onCallResponse` under the tag, also when the host
   * refuses the call, with `ok` false.
   */
  call(service: string, tag: string, options: Some<CallOptions> = {}): Action {
    if (dispatch(this.contextId, service, tag, changetype<CallOptions>(options))) {
      this.pending++
      return Action.Pause
    }
    const refused = this.refused
    if (refused == null) this.refused = [tag]
    else refused.push(tag)
    return Action.Pause
  }

  /** Lets a stream that waits go on; from ticks and queues. */
  resume(): void {
    if (this.inside) {
      this.resumed = true
      return
    }
    const direction = this.paused
    if (direction == Direction.None) return
    this.paused = Direction.None
    proxy_continue_stream(direction)
  }

  /** Cuts the stream. */
  close(): Action {
    proxy_close_stream(this.paused == Direction.Response ? Direction.Response : Direction.Request)
    return Action.Pause
  }
}

// The class that filters for TCP extend: one object for each connection, with a method for each thing it wants to see.
import { proxy_close_stream, proxy_continue_stream } from './abi'
import { CallOptions, CallResponse, dispatch } from './call'
import { Connection } from './connection'
import { Data } from './data'
import { Action, BufferType, ClosedBy, Direction } from './enums'
import { Plugin } from './plugin'
import { Some } from '@meshwright/filter-sdk/some'

// Stateless, as those of HttpFilter; lazy, as modules for HTTP have no use for them.
// @ts-ignore: decorator
@lazy const theConnection: Connection = new Connection()
// @ts-ignore: decorator
@lazy const fromClient: Data = new Data(BufferType.DownstreamData)
// @ts-ignore: decorator
@lazy const fromEndpoint: Data = new Data(BufferType.UpstreamData)

/**
 * Callbacks that a class does not override are not exported: the host does not call it for them. Bytes of the client are
 * `downstream`, bytes of the endpoint are `upstream`. What is held of the client, or its new connection, may wait for a call,
 * a tick or more bytes; what is held of the endpoint only for more bytes: hosts have no other way to let it go.
 */
export abstract class TcpFilter {
  /** For the runtime, from here on. */
  contextId: u32 = 0
  owner: Plugin | null = null
  /** The new connection, or bytes of the client, are held. */
  paused: bool = false
  /** The client's side is asked about now. */
  asked: bool = false
  resumed: bool = false
  closed: bool = false
  refused: string[] | null = null
  /** Calls whose answers have not come yet. */
  pending: i32 = 0

  get connection(): Connection {
    return theConnection
  }

  /** What there is of the client's bytes: those of the callback that runs, or those that are held. */
  get downstream(): Data {
    return fromClient
  }

  /** The same of the endpoint's. */
  get upstream(): Data {
    return fromEndpoint
  }

  /** A client has connected. Paused, nothing of it is read, and no endpoint is connected to. */
  onNewConnection(): Action {
    return Action.Continue
  }

  /**
   * Called for each piece that the client sends. Paused, it is called again with all pieces so far.
   * @param end the client sends nothing more; there may be no bytes then
   */
  onDownstreamData(data: Data, end: bool): Action {
    return Action.Continue
  }

  /** As `onDownstreamData`, of the endpoint; but what is held here at the end is not sent. */
  onUpstreamData(data: Data, end: bool): Action {
    return Action.Continue
  }

  /** The connection with the client is over. */
  onDownstreamClose(by: ClosedBy): void {}

  /** The endpoint has ended its side. */
  onUpstreamClose(by: ClosedBy): void {}

  /**
   * The answer to a {@link call}, also when there is none (`response.ok`). Not called when the connection is over by then.
   * @returns `Continue`: what is held of the client goes on; `Pause`: it stays held; or `this.close()`
   */
  onCallResponse(tag: string, response: CallResponse): Action {
    return Action.Continue
  }

  /** All is over. Properties can be read. */
  onLog(): void {}

  /**
   * Calls a service of the mesh: `return this.call(…)` in `onNewConnection` or `onDownstreamData` holds what it is about. The
   * answer comes to `onCallResponse` under the tag, also when the host refuses the call, with `ok` false.
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

  /** Lets go what is held of the client; from ticks and queues. */
  resume(): void {
    if (this.asked) {
      this.resumed = true
      return
    }
    if (!this.paused || this.closed) return
    this.paused = false
    proxy_continue_stream(Direction.Downstream)
  }

  /** Ends the connection: `return this.close()`. What this callback is about does not go on. */
  close(): Action {
    this.closed = true
    proxy_close_stream(Direction.Downstream)
    return Action.Pause
  }
}

// The part of a filter that there is once for each place in the configuration: configuration, ticks, queues.
import { proxy_set_tick_period_milliseconds } from './abi'
import { CallOptions, CallResponse, dispatch } from './call'
import { Some } from '@meshwright/filter-sdk/some'

/**
 * Made when the VM starts, configured before the first request, asked by ticks and queues from then on. A filter without a
 * class of its own for it gets this one.
 */
export class Plugin {
  /** For the runtime. */
  contextId: u32 = 0
  /** The configuration as a text; empty: there is none. */
  configuration: string = ''
  /** The configuration as an object of the `@config` class; `settings<T>()` gives it its type. */
  settings: Object | null = null
  /** Tags of calls that the host has refused, for the runtime. */
  refused: string[] | null = null

  /** Called with each configuration. False: it is wrong, and the filter is not to run; log why. */
  onConfigure(): bool {
    return true
  }

  /** Called as often as {@link tickEvery} says. */
  onTick(): void {}

  /** A queue that this VM has opened has a message. */
  onQueue(id: u32): void {}

  /** The answer to a {@link call}. */
  onCallResponse(tag: string, response: CallResponse): void {}

  /** @param ms 0: no more */
  tickEvery(ms: u32): void {
    proxy_set_tick_period_milliseconds(ms)
  }

  /** Calls a service; the answer comes to `onCallResponse`, also when there is none (`response.ok`). */
  call(service: string, tag: string, options: Some<CallOptions> = {}): void {
    if (dispatch(this.contextId, service, tag, changetype<CallOptions>(options))) return
    const refused = this.refused
    if (refused == null) this.refused = [tag]
    else refused.push(tag)
  }
}

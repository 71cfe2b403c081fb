// The filter that the benchmark measures, with the SDK: reads three request fields, adds two, removes one.
import { Action, HttpFilter } from '@meshwright/filter-sdk'

@filter
export class HeaderFilter extends HttpFilter {
  onRequestHeaders(end: bool): Action {
    const headers = this.request.headers
    const agent = headers.get('user-agent')
    const language = headers.get('accept-language')
    const tenant = headers.get('x-tenant')
    headers.append('x-client', agent == null ? 'none' : agent)
    headers.append('x-plan', language == null && tenant == null ? 'small' : 'large')
    headers.delete('cookie')
    return Action.Continue
  }
}

// Members only: asks a service whose card a request brings, remembers the answer, and tells the shop who it is.
import { Action, CallResponse, Counter, HttpFilter, nowMs, settings } from '@meshwright/filter-sdk'

@config
export class Settings {
  /** The service that knows the cards. It answers `/cards/<card>` with the member's name, or 404. */
  service: string = 'members'
  /** The cookie that the card is in. */
  cookie: string = 'card'
  /** How long an answer is believed. Milliseconds. */
  rememberMs: u32 = 60_000
}

class Remembered {
  constructor(
    public member: string,
    public untilMs: i64,
  ) {}
}

/** What the filter keeps from one request to the next. It has a limit, as everything that can grow. */
const members = new Map<string, Remembered>()
const mostMembers = 1_000

const asked = new Counter('members_asked')
const refused = new Counter('members_refused')

@filter
export class Members extends HttpFilter {
  card: string = ''

  onRequestHeaders(end: bool): Action {
    const own = settings<Settings>()
    // Only this filter says who somebody is.
    this.request.headers.delete('x-member')
    const card = this.request.cookie(own.cookie)
    if (card == null || !isCard(card)) return this.refuse()
    this.card = card
    if (members.has(card) && members.get(card).untilMs > nowMs()) return this.pass(members.get(card).member)
    asked.add()
    return this.call(own.service, 'card', { path: '/cards/' + card, timeoutMs: 500 })
  }

  /** The request waits until this is over. */
  onCallResponse(tag: string, response: CallResponse): Action {
    if (response.status == 404) return this.refuse()
    if (response.status != 200) return this.reply(503, 'nobody can look at your card just now\n', { headers: [['retry-after', '5']] })
    const member = response.body.text().trim()
    if (members.size >= mostMembers) members.clear()
    members.set(this.card, new Remembered(member, nowMs() + settings<Settings>().rememberMs))
    return this.pass(member)
  }

  private pass(member: string): Action {
    this.request.headers.set('x-member', member)
    return Action.Continue
  }

  private refuse(): Action {
    refused.add()
    return this.reply(401, 'this is for members\n')
  }
}

/** Letters and digits, as it becomes part of a path. */
function isCard(text: string): bool {
  if (text.length == 0 || text.length > 64) return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const isDigit = code >= 48 && code <= 57
    const isLetter = (code | 32) >= 97 && (code | 32) <= 122
    if (!isDigit && !isLetter) return false
  }
  return true
}

// The callbacks of the SDK's classes: every other method that begins with `on` and a capital is a mistake.
import { closest } from './closest.ts'

/** The classes that a filter may extend. */
export type FilterBase = 'HttpFilter' | 'TcpFilter'

/** How each of them is written. */
const callbacks: Readonly<Record<FilterBase | 'Plugin', Readonly<Record<string, string>>>> = {
  HttpFilter: {
    onRequestHeaders: '(end: bool): Action',
    onRequestBody: '(body: Body, end: bool): Action',
    onRequestTrailers: '(): Action',
    onResponseHeaders: '(end: bool): Action',
    onResponseBody: '(body: Body, end: bool): Action',
    onResponseTrailers: '(): Action',
    onCallResponse: '(tag: string, response: CallResponse): Action',
    onLog: '(): void',
  },
  TcpFilter: {
    onNewConnection: '(): Action',
    onDownstreamData: '(data: Data, end: bool): Action',
    onUpstreamData: '(data: Data, end: bool): Action',
    onDownstreamClose: '(by: ClosedBy): void',
    onUpstreamClose: '(by: ClosedBy): void',
    onCallResponse: '(tag: string, response: CallResponse): Action',
    onLog: '(): void',
  },
  Plugin: {
    onConfigure: '(): bool',
    onTick: '(): void',
    onQueue: '(id: u32): void',
    onCallResponse: '(tag: string, response: CallResponse): void',
  },
}

export function isFilterBase(name: string | undefined): name is FilterBase {
  return name === 'HttpFilter' || name === 'TcpFilter'
}

export function isCallback(name: string, base: FilterBase | 'Plugin'): boolean {
  return Object.hasOwn(callbacks[base], name)
}

/** How a callback is written; undefined: it is none. */
export function signatureOf(name: string, base: FilterBase | 'Plugin'): string | undefined {
  return isCallback(name, base) ? `${name}${callbacks[base][name]}` : undefined
}

/** What to say of a method that is not a callback; undefined: nothing, it is the user's own. */
export function mistaken(name: string, base: FilterBase | 'Plugin'): string | undefined {
  const known = Object.keys(callbacks[base])
  if (!/^on[A-Z]/.test(name) && !known.some((one) => one.toLowerCase() === name.toLowerCase())) return undefined
  return elsewhere(name, base) ?? unknown(name, known)
}

function elsewhere(name: string, base: FilterBase | 'Plugin'): string | undefined {
  if (base !== 'Plugin' && isCallback(name, 'Plugin')) return `"${name}" is a callback of a plugin, not of a filter: move it to the class marked @plugin`
  const other = (['HttpFilter', 'TcpFilter'] as const).find((one) => isCallback(name, one))
  if (other === undefined) return undefined
  return base === 'Plugin' ? `"${name}" is a callback of a filter, not of a plugin: move it to the class marked @filter` : `"${name}" is a callback of ${other}, not of ${base}`
}

function unknown(name: string, known: readonly string[]): string {
  const meant = closest(name, known)
  return `there is no callback "${name}"${meant === undefined ? `: there are ${known.join(', ')}` : `: did you mean "${meant}"?`}`
}

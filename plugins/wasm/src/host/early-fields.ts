// Fields of a response that a guest makes before there is one: hosts that are built on nginx have a place for them from the beginning.
import { Headers } from '@meshwright/core/thread'
import { PlainFields } from './field-map.ts'
import { ownFields, type ResponseHead } from './message-fields.ts'

const colon = 0x3a
/** What a response has once: its own stays. */
const single: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'date', 'etag', 'expires', 'last-modified', 'location', 'server'])

/** No status and no length: those are what the response says. */
export class EarlyFields extends PlainFields {
  constructor() {
    super(new Headers())
  }

  override set(name: string, value: string): boolean {
    return isForgotten(name) || super.set(name, value)
  }

  override append(name: string, value: string): boolean {
    return isForgotten(name) || super.append(name, value)
  }

  /** Adds them to the response, now that there is one. */
  addTo({ headers }: ResponseHead): void {
    const list = this.list()
    for (let i = 0; i < list.length; i += 2) {
      const name = list[i] as string
      if (!single.has(name) || !headers.has(name)) headers.append(name, list[i + 1] as string)
    }
  }
}

function isForgotten(name: string): boolean {
  return name.charCodeAt(0) === colon || name === 'content-length' || ownFields.has(name)
}

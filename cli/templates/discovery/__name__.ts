// The answer: asks a URL for the endpoints, again and again.
import { setTimeout as wait } from 'node:timers/promises'
import { toEndpointSpec, type Discovery, type EndpointSpec, type Logger } from '@meshwright/core'

export interface __Camel__Options {
  /** Answers a GET with a JSON list of `host:port`. */
  readonly url: string
  /** From one answer to the next question. Milliseconds, 10..3600000; default 5000. */
  readonly intervalMs?: number
  /** How long an answer may take. Milliseconds, 1..60000; default 2000. */
  readonly timeoutMs?: number
}

const maxBytes = 1_000_000

/** The endpoints that a URL lists. While it does not answer, or not with a list, the last endpoints stay, and the log says why. */
export function __camel__(options: __Camel__Options, log?: Pick<Logger, 'warn'>): Discovery {
  return {
    watch(service, publish) {
      const stop = new AbortController()
      void follow(options, stop.signal, publish, (error) => log?.warn({ service, url: options.url, err: error }, 'the endpoints cannot be read'))
      return () => stop.abort()
    },
  }
}

async function follow({ url, intervalMs = 5_000, timeoutMs = 2_000 }: __Camel__Options, stop: AbortSignal, publish: (endpoints: EndpointSpec[]) => void, failed: (error: unknown) => void): Promise<void> {
  let known = ''
  while (!stop.aborted) {
    try {
      const text = await read(url, AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]))
      const endpoints = parse(text)
      // It may have been stopped while it was waiting.
      if (text !== known && !stop.aborted) publish(endpoints)
      known = text
    } catch (error) {
      if (!stop.aborted) failed(error)
    }
    await wait(intervalMs, undefined, { signal: stop, ref: false }).catch(() => {})
  }
}

async function read(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`status ${response.status}`)
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > maxBytes) throw new Error(`the list is longer than ${maxBytes} bytes`)
  }
  return text
}

function parse(text: string): EndpointSpec[] {
  const list: unknown = JSON.parse(text)
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string')) throw new Error('it is no list of texts')
  return [...new Set(list)].map((address) => toEndpointSpec(address))
}

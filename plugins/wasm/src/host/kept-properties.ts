// What guests keep with a stream by `proxy_set_property`, for themselves and those behind them.
import type { Buffer } from 'node:buffer'
import type { Exchange } from '@meshwright/core'

/** Properties that guests may keep with one stream. */
const maxProperties = 1_000

/** Answers whether there was room for it. */
export function keepProperty({ state }: Exchange, path: string, value: Buffer): boolean {
  const kept = (state.wasmProperties ??= new Map())
  if (kept.size >= maxProperties && !kept.has(path)) return false
  kept.set(path, value)
  return true
}

/** Whoever reads one may say where it stands. */
export function keptProperty({ state }: Exchange, path: readonly string[]): Buffer | undefined {
  return state.wasmProperties?.get(path.join('.').replace(/^(?:upstream_)?filter_state\.(?:wasm\.)?/, ''))
}

declare module '@meshwright/core' {
  interface ExchangeState {
    /** What guests have kept with the stream, by the names that they gave it. */
    wasmProperties?: Map<string, Buffer>
  }
}

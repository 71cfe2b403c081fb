// What `run` says when it has started: at most six lines.
import type { Paint } from '../config/print.ts'
import type { RunningMesh } from '@meshwright/core'

/** What a banner tells. */
export interface BannerFacts {
  readonly version: string
  /** Undefined for a mesh without a file. */
  readonly file: string | undefined
  readonly listeners: readonly Pick<RunningMesh['listeners'][number], 'name' | 'url'>[]
  readonly adminUrl: string | undefined
  readonly isWatching: boolean
  readonly tookMs: number
}

const mostListeners = 3

/** The lines of the banner. */
export function banner(facts: BannerFacts, paint: Paint): string[] {
  const { version, file, listeners, adminUrl, isWatching, tookMs } = facts
  const from = file === undefined ? '' : `  ${file}${isWatching ? ' (watching)' : ''}`
  const lines = [`${paint('bold', `meshwright ${version}`)}${from}  ready in ${Math.round(tookMs)} ms`]
  for (const { name, url } of listeners.slice(0, mostListeners)) lines.push(line(name, paint('cyan', url)))
  if (listeners.length > mostListeners) lines.push(line(`and ${listeners.length - mostListeners} more listeners`, ''))
  if (adminUrl !== undefined) lines.push(line('admin', paint('cyan', adminUrl)))
  return lines
}

function line(label: string, value: string): string {
  return `  ${label.padEnd(10)}  ${value}`.trimEnd()
}

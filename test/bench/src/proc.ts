// CPU time and memory of a process and all its children, read from /proc.
import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks per second of utime and stime: 100 on every Linux that matters (USER_HZ). */
const ticksPerSecond = 100

/** What a process tree has used and holds. */
export interface Usage {
  /** User and system time since the start, in microseconds. */
  readonly cpuUs: number
  /** Resident memory now, in bytes. */
  readonly rssBytes: number
  /** The sum of the largest resident memory of each process so far, in bytes. */
  readonly peakBytes: number
}

/** Adds up a process and its descendants. Processes that ended meanwhile are left out. */
export function usageOf(rootPid: number): Usage {
  let cpuUs = 0
  let rssBytes = 0
  let peakBytes = 0
  for (const pid of treeOf(rootPid)) {
    const fields = statFields(pid)
    const status = readOrEmpty(`/proc/${pid}/status`)
    if (fields === undefined || status === '') continue
    cpuUs += ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond
    rssBytes += kilobytesOf(status, 'VmRSS') * 1024
    peakBytes += kilobytesOf(status, 'VmHWM') * 1024
  }
  return { cpuUs, rssBytes, peakBytes }
}

function treeOf(rootPid: number): number[] {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const fields = statFields(Number(entry))
    if (fields !== undefined) parents.set(Number(entry), Number(fields[1]))
  }
  const tree = [rootPid]
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child)
  return tree
}

/** The fields of /proc/<pid>/stat behind the command name, which may hold spaces and parentheses itself. */
function statFields(pid: number): string[] | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`)
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function kilobytesOf(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // the process has ended between listing and reading
  }
}

// CPU time and memory of a process and all its children, read from /proc.
import { readdirSync, readFileSync } from 'node:fs'

/** CPU time of every thread of a process tree since the thread's start: nanoseconds by thread id. */
export type CpuReading = ReadonlyMap<number, number>

/** Resident memory of a process tree, in bytes. */
export interface MemoryReading {
  readonly rssBytes: number
  /** The sum of the largest resident memory of each process so far. */
  readonly peakBytes: number
}

/**
 * Reads the CPU time of a process and its descendants, user and system. The scheduler counts nanoseconds, where
 * /proc/<pid>/stat has ticks of 10 ms: too coarse for half a second.
 */
export function readCpu(rootPid: number): CpuReading {
  return new Map(threadsOf(rootPid).map(({ pid, tid }) => [tid, nanosecondsOf(readOrEmpty(`/proc/${pid}/task/${tid}/schedstat`))]))
}

/** Microseconds of CPU time between two readings. Threads that began meanwhile count whole, what threads did that ended meanwhile is lost. */
export function cpuUsBetween(before: CpuReading, after: CpuReading): number {
  let nanoseconds = 0
  for (const [tid, now] of after) nanoseconds += Math.max(0, now - (before.get(tid) ?? 0))
  return nanoseconds / 1000
}

/** Whether a thread of the tree runs or waits for a processor at this moment. */
export function isBusy(rootPid: number): boolean {
  return threadsOf(rootPid).some(({ pid, tid }) => statFields(readOrEmpty(`/proc/${pid}/task/${tid}/stat`))?.[0] === 'R')
}

/** Adds up a process and its descendants. Processes that ended meanwhile are left out. */
export function readMemory(rootPid: number): MemoryReading {
  const statuses = treeOf(rootPid).map((pid) => readOrEmpty(`/proc/${pid}/status`))
  const sum = (name: string): number => statuses.reduce((bytes, status) => bytes + kilobytesOf(status, name) * 1024, 0)
  return { rssBytes: sum('VmRSS'), peakBytes: sum('VmHWM') }
}

/** Bytes that a process has read so far, from sockets too. */
export function bytesReadBy(pid: number): number {
  return Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}

function threadsOf(rootPid: number): { pid: number; tid: number }[] {
  return treeOf(rootPid).flatMap((pid) => numbersIn(`/proc/${pid}/task`).map((tid) => ({ pid, tid })))
}

function treeOf(rootPid: number): number[] {
  const tree = [rootPid]
  for (const pid of tree) tree.push(...childrenOf(pid))
  return tree
}

function childrenOf(pid: number): number[] {
  return numbersIn(`/proc/${pid}/task`).flatMap((tid) => readOrEmpty(`/proc/${pid}/task/${tid}/children`).split(' ').filter((text) => text !== '').map(Number))
}

function numbersIn(directory: string): number[] {
  try {
    return readdirSync(directory).map(Number)
  } catch {
    return [] // the process has ended
  }
}

/** The fields of a stat file behind the command name, which may hold spaces and parentheses itself. */
function statFields(stat: string): string[] | undefined {
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

const nanosecondsOf = (schedstat: string): number => Number(schedstat.split(' ')[0] ?? 0)

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

// Finds out which program listens on a port, to say it where a listener cannot open.
import { readdir, readFile, readlink } from 'node:fs/promises'
import { createServer } from 'node:net'

const listening = '0A'
const mostProcesses = 5000

/** `name (pid 123)` of the program that listens on a TCP port; undefined where it cannot be known. Linux only. */
export async function portOwner(port: number): Promise<string | undefined> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(readLines))
  const inode = tables.flat().map(inodeOf(port)).find((found) => found !== undefined)
  return inode === undefined ? undefined : processWith(`socket:[${inode}]`)
}

async function readLines(file: string): Promise<string[]> {
  return (await orNothing(readFile(file, 'utf8')))?.split('\n').slice(1) ?? []
}

/** Not every process may be looked into, and some end meanwhile: what cannot be read is passed over. */
async function orNothing<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch(() => undefined)
}

function inodeOf(port: number): (line: string) => string | undefined {
  return (line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
    return state === listening && parseInt(local?.split(':')[1] ?? '', 16) === port ? inode : undefined
  }
}

async function processWith(socket: string): Promise<string | undefined> {
  const pids = ((await orNothing(readdir('/proc'))) ?? []).filter((name) => /^\d+$/.test(name)).slice(0, mostProcesses)
  for (const pid of pids) {
    const files = (await orNothing(readdir(`/proc/${pid}/fd`))) ?? []
    const links = await Promise.all(files.map((file) => orNothing(readlink(`/proc/${pid}/fd/${file}`))))
    if (links.includes(socket)) return `${(await orNothing(readFile(`/proc/${pid}/comm`, 'utf8')))?.trim() ?? 'a program'} (pid ${pid})`
  }
  return undefined
}

/** The first free port above one, on a host; undefined if the next twenty are taken. */
export async function freePortAbove(host: string, port: number): Promise<number | undefined> {
  for (let candidate = port + 1; candidate <= Math.min(port + 20, 65_535); candidate++) {
    if (await isFree(host, candidate)) return candidate
  }
  return undefined
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}

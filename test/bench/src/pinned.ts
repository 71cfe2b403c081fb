// Starts programs pinned to one core and ends them again.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

/** The core of the proxy under test, and the one of the load generator, the backend and the benchmark itself. */
export const proxyCore = 0
export const loadCore = 1

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

/** A program that runs, and what it has said lately. */
export interface Spawned {
  readonly pid: number
  readonly ended: Promise<void>
  hasEnded(): boolean
  /** The last characters of standard output and standard error. */
  output(): string
}

/** A program that runs until it is stopped. */
export interface Program {
  readonly pid: number
  /** Asks a program in Node to free what it no longer needs; others do nothing. */
  collectGarbage(): void
  stop(): Promise<void>
}

// Only for those measurements that look at memory: a handler that is never called costs nothing.
const collecting = { NODE_OPTIONS: '--expose-gc --import "data:text/javascript,process.on(%22SIGWINCH%22,()=>gc())"' }

/** Starts a program on a core. It is killed with this process if it has not ended before. */
export function spawnPinned(core: number, command: readonly string[]): Spawned {
  return watch(spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...collecting } }))
}

function watch(child: ChildProcess): Spawned {
  running.add(child)
  let output = ''
  let over = false
  const keep = (chunk: Buffer): void => void (output = (output + chunk.toString()).slice(-100_000))
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  }).then(() => {
    over = true
    running.delete(child)
  })
  return { pid: child.pid as number, ended, hasEnded: () => over, output: () => output }
}

/** Starts a program on a core and waits until its port accepts connections; fails with its output when it ends first. */
export async function startPinned(core: number, command: readonly string[], port: number): Promise<Program> {
  const program = spawnPinned(core, command)
  const deadline = performance.now() + 20_000
  while (!(await accepts(port))) {
    if (program.hasEnded() || performance.now() > deadline) {
      if (!program.hasEnded()) process.kill(program.pid, 'SIGKILL')
      throw new Error(`${command.join(' ')} did not start: ${program.output().slice(-4000).trim()}`)
    }
    await delay(20)
  }
  // The signal that nobody else here takes for anything: what has no handler for it ignores it.
  return { pid: program.pid, collectGarbage: () => void process.kill(program.pid, 'SIGWINCH'), stop: () => stop(program) }
}

async function stop(program: Spawned): Promise<void> {
  if (program.hasEnded()) throw new Error(`a program under test has ended by itself: ${program.output().slice(-4000).trim()}`)
  process.kill(program.pid, 'SIGTERM')
  const impatient = setTimeout(() => process.kill(program.pid, 'SIGKILL'), 3000)
  await program.ended
  clearTimeout(impatient)
}

/** Runs a program on a core to its end and gives its standard output. */
export async function runPinned(core: number, command: readonly string[]): Promise<string> {
  const child = spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => void (output += chunk.toString()))
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  running.delete(child)
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`)
  return output
}

/**
 * Moves this process and its threads to a core, so that it never runs beside a proxy under test, and puts it and all that it
 * starts before other work of the machine where that is allowed: each switch to somebody else costs the proxy its caches.
 */
export function settle(core: number): void {
  spawnSync('taskset', ['-a', '-c', '-p', String(core), String(process.pid)])
  try {
    setPriority(0, -10)
    // Where the kernel groups processes by session, nice counts only among those of one.
    if (existsSync('/proc/self/autogroup')) writeFileSync('/proc/self/autogroup', '-10')
  } catch {
    // Only root may; then we share as everybody does.
  }
}

/** The path of an installed command, or undefined. */
export function findCommand(name: string): string | undefined {
  const found = spawnSync('which', [name], { encoding: 'utf8', env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` } })
  return found.status === 0 ? found.stdout.trim() : undefined
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const answer = (yes: boolean) => (): void => {
      socket.destroy()
      resolve(yes)
    }
    socket.once('connect', answer(true)).once('error', answer(false))
  })
}

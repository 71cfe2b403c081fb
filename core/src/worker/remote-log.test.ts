// What becomes of a thread's log lines on their way to the supervisor.
import { expect, test } from 'vitest'
import { MeshError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { remoteLogger, writeRemote } from './remote-log.ts'

type Line = Parameters<typeof writeRemote>[2]

/** Writes through a real clone, as between threads. */
function through(write: (log: Logger) => void, debug = true, now: () => number = () => 0): { level: string; details: Record<string, unknown>; text: string }[] {
  const posted: Line[] = []
  write(remoteLogger((line) => posted.push(structuredClone(line)), debug, now))
  const lines: { level: string; details: Record<string, unknown>; text: string }[] = []
  const at = (level: string) => (details: object, text: string) => void lines.push({ level, details: details as Record<string, unknown>, text })
  for (const line of posted) writeRemote({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, 7, line)
  return lines
}

test('a line arrives with its level, its details and its thread', () => {
  expect(through((log) => log.warn({ a: 1, b: [2] }, 'text'))).toEqual([{ level: 'warn', details: { worker: 7, a: 1, b: [2] }, text: 'text' }])
})

test('an error of the mesh is one again, with its code, message and stack', () => {
  const sent = new MeshError('MESH_LISTEN_FAILED', 'port 80')
  const [line] = through((log) => log.error({ err: sent }, 'text'))
  const got = line?.details['err'] as MeshError
  expect(got).toBeInstanceOf(MeshError)
  expect({ code: got.code, message: got.message, stack: got.stack }).toEqual({ code: sent.code, message: sent.message, stack: sent.stack })
})

test('an error of somebody else keeps name, message and code', () => {
  const sent = Object.assign(new TypeError('no'), { code: 'ENOENT' })
  expect(through((log) => log.error({ err: sent }, ''))[0]?.details['err']).toMatchObject({ name: 'TypeError', message: 'no', code: 'ENOENT' })
})

test('what cannot cross is told as text', () => {
  const details = { call: () => 1, socket: { on() {} }, plain: { x: 1 } }
  expect(through((log) => log.info(details, ''))[0]?.details).toEqual({ worker: 7, call: '() => 1', socket: '[object Object]', plain: { x: 1 } })
})

test('debug lines are not sent unless they are wanted', () => {
  expect(through((log) => log.debug({}, 'text'), false)).toEqual([])
  expect(through((log) => log.debug({}, 'text'), true)).toHaveLength(1)
})

test('a flood is cut at 1000 lines a second, and the cut is told', () => {
  let second = 0
  const lines = through((log) => {
    for (let i = 0; i < 1500; i++) log.info({}, 'flood')
    second = 1000
    log.info({}, 'after')
  }, true, () => second)
  expect(lines.filter(({ text }) => text === 'flood')).toHaveLength(1000)
  expect(lines.slice(1000).map(({ text, details }) => [text, details['dropped']])).toEqual([['log lines were dropped', 500], ['after', undefined]])
})

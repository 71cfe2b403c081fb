// Memory that answers of the same name share: in all threads, after a change of the configuration, and when a thread is replaced.
import type { RouteSpec } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { eventually, startRun, type Answer, type TestRun } from './kit/start-run.ts'

const plugins = [new URL('./kit/tally.ts', import.meta.url).href]
const counted = (name: string): RouteSpec => ({ match: { path: `/${name}` }, filters: [{ tally: { name } }], reply: { status: 500 } })
const counts = async (run: TestRun, path: string, times: number): Promise<Answer[]> => {
  const answers: Answer[] = []
  for (let i = 0; i < times; i++) answers.push(await run.get(path))
  return answers
}

describe.each([0, 2])('shared memory (workers: %i)', (workers) => {
  test('is one for all threads and all requests at a time', async () => {
    const run = await startRun({ spec: { workers, plugins, routes: [counted('a'), counted('b')] } })
    const answers = await Promise.all(Array.from({ length: 60 }, async () => run.get('/a')))
    expect(new Set(answers.map(({ thread }) => thread)).size).toBe(Math.max(1, workers))
    expect(answers.map(({ body }) => Number(body)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
    expect((await run.get('/b')).body).toBe('1')
  })

  test('lives on through changes that still use it, also those that are refused', async () => {
    const run = await startRun({ spec: { workers, plugins, routes: [counted('a')] }, logsErrors: true })
    await counts(run, '/a', 3)
    await run.mesh.apply({ ...run.spec, routes: [counted('a'), counted('b')] })
    await expect(run.mesh.apply({ ...run.spec, routes: [counted('c'), { to: 'nowhere' }] })).rejects.toMatchObject({ code: 'MESH_UNKNOWN_SERVICE' })
    expect((await run.get('/a')).body).toBe('4')
    await run.mesh.apply({ ...run.spec, routes: [counted('b')] })
    await run.mesh.apply(run.spec)
    expect((await counts(run, '/a', 8)).map(({ body }) => body)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8'])
  })
})

describe('with threads', () => {
  test('a thread that takes the place of another has the same memory', async () => {
    const run = await startRun({ spec: { workers: 1, plugins, routes: [counted('a'), { reply: { status: 200 } }] }, logsErrors: true })
    await counts(run, '/a', 3)
    await run.get('/', { 'x-trick': 'throw' })
    await eventually(async () => run.mesh.status().workers[0]?.restarts === 1, 'the thread to be replaced')
    expect((await eventually(async () => run.get('/a'), 'the new thread to answer')).body).toBe('4')
  })

  test('a configuration that no thread takes over leaves the memory of the old one alone', async () => {
    const run = await startRun({ spec: { workers: 1, plugins, routes: [counted('a'), { reply: { status: 200 } }] }, logsErrors: true })
    await counts(run, '/a', 3)
    await expect(run.mesh.apply({ ...run.spec, filters: ['tricks', 'control-only'], routes: [counted('b')] })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS' })
    await run.get('/', { 'x-trick': 'throw' })
    await eventually(async () => run.mesh.status().workers[0]?.restarts === 1, 'the thread to be replaced')
    expect((await eventually(async () => run.get('/a'), 'the new thread to answer')).body).toBe('4')
  })

  test('memory that only a thread asks for is refused, with the reason', async () => {
    await expect(startRun({ spec: { plugins, filters: ['thread-tally'] }, logsErrors: true })).rejects.toMatchObject({
      code: 'MESH_WORKER_FAILED',
      message: expect.stringContaining('"filter thread-tally only here" of 4 bytes was not asked for'),
    })
  })
})

// What is said at the start.
import { expect, test } from 'vitest'
import { plain } from '../config/print.ts'
import { banner } from './banner.ts'

const listener = (name: string) => ({ name, url: `http://127.0.0.1/${name}` })

test('the banner names version, file, listeners and the admin API', () => {
  const facts = { version: '0.1.0', file: 'mesh.yaml', listeners: [listener('public')], adminUrl: 'http://127.0.0.1:9901', isWatching: true, tookMs: 41.7 }
  expect(banner(facts, plain)).toEqual([
    'meshwright 0.1.0  mesh.yaml (watching)  ready in 42 ms',
    '  public      http://127.0.0.1/public',
    '  admin       http://127.0.0.1:9901',
  ])
})

test('it has six lines however many listeners there are', () => {
  const listeners = ['a', 'b', 'c', 'd', 'e'].map(listener)
  const lines = banner({ version: '0.1.0', file: undefined, listeners, adminUrl: 'http://127.0.0.1:9901', isWatching: false, tookMs: 1 }, plain)
  expect(lines).toHaveLength(6)
  expect(lines[4]).toBe('  and 2 more listeners')
})

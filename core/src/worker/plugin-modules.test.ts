// Where plugins are looked for.
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { findPlugins } from './plugin-modules.ts'

const base = pathToFileURL('/srv/mesh/mesh.yaml').href

test('paths are looked for beside the configuration', () => {
  expect(findPlugins(['./a.ts', '../b.js', '/c.js', 'file:///d.js'], {}, base).map(({ url }) => url)).toEqual([
    'file:///srv/mesh/a.ts',
    'file:///srv/b.js',
    'file:///c.js',
    'file:///d.js',
  ])
})

test('a package is looked for from there', () => {
  const [found] = findPlugins(['semver'], {}, import.meta.url)
  expect(found?.url).toMatch(/node_modules\/semver\/index\.js$/)
  expect(() => findPlugins(['no-such-plugin'], {}, base)).toThrow('the plugin "no-such-plugin" is not installed')
})

test('a module that is named twice is registered once, with the options of the specification', () => {
  const spec = { plugins: [{ name: './a.ts', options: { x: 2 } }, './b.ts'] }
  expect(findPlugins([{ module: './a.ts', options: { x: 1 } }, { module: './b.ts', options: { y: 1 } }], spec, base)).toEqual([
    { url: 'file:///srv/mesh/a.ts', options: { x: 2 } },
    { url: 'file:///srv/mesh/b.ts', options: { y: 1 } },
  ])
})

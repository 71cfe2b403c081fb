// Who may import whom: the arrows between packages, and the few files that may touch Fastify, undici and Node's sockets.
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const root = path.join(import.meta.dirname, '..')

interface Import {
  /** Path from the root, with slashes. */
  readonly file: string
  /** `core`, `cli`, `plugins/p2c`, `examples/bookshop`: the folder of the package. */
  readonly package: string
  readonly specifier: string
  /** The names in braces, as imported; empty for any other form. */
  readonly names: readonly string[]
  /** Erased when run. */
  readonly typeOnly: boolean
}

interface Rule {
  readonly says: string
  readonly applies: (one: Import) => boolean
  readonly allows: (one: Import) => boolean
  /** Imports that break the rule, to show that it can be broken. */
  readonly sins: readonly (readonly [file: string, line: string])[]
}

const sockets = /^(node:)?(http|https|http2|net|tls|dgram)$/
const addressFunctions = ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'SocketAddress']

const rules: readonly Rule[] = [
  {
    says: 'examples import published names only',
    applies: inFolder('examples'),
    allows: (one) => (one.specifier.startsWith('.') ? stays(one) : !isOurs(one) || !/\/(src|dist)\//.test(one.specifier)),
    sins: [
      ['examples/shop/src/a.ts', `import { x } from '../../../core/src/index.ts'`],
      ['examples/shop/src/a.ts', `import { x } from '@meshwright/core/src/index.ts'`],
    ],
  },
  {
    says: 'a plugin imports the public surface of the core, never another plugin',
    applies: (one) => inFolder('plugins')(one) && !isTest(one.file),
    allows: (one) => (one.specifier.startsWith('.') ? stays(one) : !isOurs(one) || ['@meshwright/core', '@meshwright/core/thread'].includes(one.specifier)),
    sins: [
      ['plugins/a/src/a.ts', `import { b } from '@meshwright/b'`],
      ['plugins/a/src/a.ts', `import { b } from '../../b/src/index.ts'`],
      ['plugins/a/src/a.ts', `import { chain } from '@meshwright/core/src/chain.ts'`],
    ],
  },
  {
    says: 'a filter and its SDK import none of our packages: what runs in a filter is all in its module',
    applies: (one) => inFolder('filters')(one) && !inFolder('filters/kit')(one) && !isTest(one.file),
    allows: (one) => (one.specifier.startsWith('.') ? stays(one) : !isOurs(one)),
    sins: [
      ['filters/a/src/index.ts', `import { compileFilter } from '@meshwright/filter-sdk'`],
      ['filters/a/src/index.ts', `import { b } from '../../b/src/index.ts'`],
      ['filters/sdk/src/a.ts', `import { createMesh } from '@meshwright/core'`],
    ],
  },
  {
    says: 'the core imports no plugin and no command',
    applies: inFolder('core'),
    allows: (one) => (one.specifier.startsWith('.') ? stays(one) : !isOurs(one)),
    sins: [
      ['core/src/a.ts', `import { b } from '@meshwright/b'`],
      ['core/src/a.ts', `import { b } from '../../plugins/b/src/index.ts'`],
      ['core/src/a.ts', `const { b } = await import('meshwright')`],
    ],
  },
  {
    says: 'only mesh, plugin, scope, reply-proxy and the admin API know Fastify',
    applies: (one) => inFolder('core')(one) && !isTest(one.file),
    allows: (one) => !/^(fastify|fastify-plugin|@fastify\/.*)$/.test(one.specifier) || /^core\/src\/((mesh|plugin|scope|reply-proxy)\.ts$|admin\/)/.test(one.file),
    sins: [['core/src/proxy.ts', `import type { FastifyInstance } from 'fastify'`]],
  },
  {
    says: 'only transport/undici.ts knows undici',
    applies: (one) => /^(core|cli|plugins)\//.test(one.file) && !isTest(one.file),
    allows: (one) => one.specifier !== 'undici' || one.file === 'core/src/transport/undici.ts',
    sins: [['core/src/transport/other.ts', `import { Pool } from 'undici'`]],
  },
  {
    says: 'only listener, tcp, transport and worker touch requests, responses and sockets of Node',
    applies: (one) => inFolder('core')(one) && !isTest(one.file) && sockets.test(one.specifier),
    allows: (one) => /^core\/src\/(?:(?:listener|tcp|transport|worker)\/|reset\.ts$)/.test(one.file) || (one.names.length > 0 && one.names.every((name) => addressFunctions.includes(name))),
    sins: [
      ['core/src/relay.ts', `import type { ServerResponse } from 'node:http'`],
      ['core/src/route/host.ts', `import { isIP, connect } from 'node:net'`],
    ],
  },
]

describe('imports', () => {
  const all = readImports()

  it('are found in every form', () => {
    const text = `
import fs from 'node:fs'
import {
  a,
  type B,
} from './a.ts'
import type { C } from "./c.ts"
import './side.ts'
export * from './all.ts'
export { d } from './d.ts'
const lazy = await import('./lazy.ts')
// import { no } from './comment.ts'
`
    expect(importsIn('core/src/x.ts', text).map((one) => one.specifier)).toEqual([
      'node:fs', './a.ts', './c.ts', './side.ts', './all.ts', './d.ts', './lazy.ts',
    ])
    expect(importsIn('core/src/x.ts', text)[1]).toMatchObject({ names: ['a', 'B'], typeOnly: false })
    expect(importsIn('core/src/x.ts', text)[2]).toMatchObject({ names: ['C'], typeOnly: true })
    expect(all.length).toBeGreaterThan(50)
  })

  it.each(rules)('keep the rule: $says', ({ applies, allows }) => {
    expect(all.filter((one) => applies(one) && !allows(one)).map(told)).toEqual([])
  })

  it.each(rules.flatMap((rule) => rule.sins.map(([file, line]) => ({ rule, file, line }))))('would be caught: $line in $file', ({ rule, file, line }) => {
    expect(importsIn(file, line).filter((one) => rule.applies(one) && !rule.allows(one))).toHaveLength(1)
  })

  it('keep each third-party package to one file of a package', () => {
    const spread = Map.groupBy(all.filter(isThirdParty), (one) => `${one.package}: ${one.specifier}`)
    const inMany = [...spread].filter(([, uses]) => new Set(uses.map((one) => one.file)).size > 1)
    expect(inMany.map(([name, uses]) => `${name} in ${uses.map((one) => one.file).join(', ')}`)).toEqual([])
  })

  it('name only packages that the manifest declares', () => {
    const undeclared = all.filter((one) => !one.specifier.startsWith('.') && !isNode(one) && !isDeclared(one))
    expect(undeclared.map(told)).toEqual([])
  })
})

function inFolder(folder: string): (one: Import) => boolean {
  return (one) => one.file.startsWith(`${folder}/`)
}

/** A relative import that ends inside its own package. */
function stays(one: Import): boolean {
  return one.specifier.startsWith('.') && path.posix.join(path.posix.dirname(one.file), one.specifier).startsWith(`${one.package}/`)
}

function isOurs(one: Import): boolean {
  return /^(@meshwright\/|meshwright($|\/))/.test(one.specifier)
}

function isNode(one: Import): boolean {
  return one.specifier.startsWith('node:')
}

function isTest(file: string): boolean {
  return /\.(test|bench)\.ts$|\.test\.\w+\.ts$|\/testing(\/|\.ts$)|^filters\/kit\//.test(file)
}

/** Fastify has four files of its own, and TypeBox is the language in which every options schema is written. */
function isThirdParty(one: Import): boolean {
  if (one.specifier.startsWith('.') || isNode(one) || isOurs(one) || one.typeOnly || isTest(one.file)) return false
  return !one.file.startsWith('examples/') && !['fastify', 'typebox'].includes(one.specifier)
}

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** What users run needs a dependency of its own; what only we run may come from the root. */
function isDeclared(one: Import): boolean {
  const own = manifest(one.package)
  const forUsers = { ...own.dependencies, ...own.peerDependencies, [own.name]: '' }
  const forUs = { ...forUsers, ...own.devDependencies, ...manifest('.').devDependencies }
  const name = one.specifier.split('/').slice(0, one.specifier.startsWith('@') ? 2 : 1).join('/')
  return Object.hasOwn(isTest(one.file) ? forUs : forUsers, name)
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as Manifest
}

function told(one: Import): string {
  return `${one.file} imports ${one.specifier}`
}

function readImports(): Import[] {
  const files = globSync(['core/src/**/*.ts', 'cli/src/**/*.ts', 'plugins/*/src/**/*.ts', 'filters/*/src/**/*.ts', 'examples/*/**/*.ts'], {
    cwd: root,
    exclude: (name) => ['node_modules', 'dist'].includes(path.basename(name)),
  })
  return files.flatMap((file) => importsIn(file.split(path.sep).join('/'), readFileSync(path.join(root, file), 'utf8')))
}

function importsIn(file: string, text: string): Import[] {
  const parts = file.split('/')
  const folder = ['plugins', 'filters', 'examples'].includes(parts[0] ?? '') ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
  const statements = /^(?:import|export)\b(?<what>[^'"`;=()]*?)\bfrom\s*['"](?<from>[^'"]+)['"]|^import\s*['"](?<side>[^'"]+)['"]|^[^/*\n]*\bimport\(\s*['"](?<lazy>[^'"]+)['"]/gm
  return [...text.matchAll(statements)].map(({ groups = {} }) => ({
    file,
    package: folder,
    specifier: groups['from'] ?? groups['side'] ?? groups['lazy'] ?? '',
    names: namesIn(groups['what'] ?? ''),
    typeOnly: /^\s*type\b/.test(groups['what'] ?? ''),
  }))
}

function namesIn(clause: string): string[] {
  const inside = /\{([^}]*)\}/.exec(clause)?.[1] ?? ''
  return inside.split(',').map((name) => name.trim().replace(/^type\s+/, '').replace(/\s+as\s.*$/, '')).filter(Boolean)
}

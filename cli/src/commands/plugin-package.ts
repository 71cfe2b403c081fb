// The files of a plugin's package that are the same for every kind.
import type { NewPlugin } from './plugin-new.ts'

/** What a kind is, for the description on npm. */
const nouns: Readonly<Record<NewPlugin['kind'], string>> = {
  filter: 'filter',
  balancer: 'balancer',
  discovery: 'discovery',
  health: 'health check',
  outlier: 'outlier detector',
  admission: 'admission',
  retry: 'retry policy',
  identity: 'identity',
}

/** By path. @param version of meshwright and its core, which have the same */
export function packageFiles(plugin: NewPlugin, version: string): [string, string][] {
  return [
    ['package.json', json(manifest(plugin, version))],
    ['tsconfig.json', json(tsconfig)],
    ['.gitignore', 'node_modules/\ndist/\n'],
  ]
}

function manifest({ kind, name, packageName }: NewPlugin, version: string): object {
  return {
    name: packageName,
    version: '0.1.0',
    description: `A ${nouns[kind]} for Meshwright: ${name}`,
    type: 'module',
    license: 'Apache-2.0',
    keywords: ['meshwright-plugin', `meshwright-${kind}`, 'meshwright'],
    engines: { node: '>=24.15.0' },
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' }, './package.json': './package.json' },
    files: ['dist', 'src', '!**/*.test.*'],
    sideEffects: false,
    scripts: {
      test: 'node --test "src/**/*.test.ts"',
      types: 'tsc --noEmit',
      build: 'tsc',
      start: 'meshwright run mesh.yaml',
      prepack: 'npm run build',
    },
    peerDependencies: { '@meshwright/core': `^${version}` },
    devDependencies: { '@meshwright/core': `^${version}`, '@types/node': '^24.0.0', meshwright: `^${version}`, typescript: '^7.0.2' },
  }
}

const tsconfig = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    rewriteRelativeImportExtensions: true,
    declaration: true,
    declarationMap: true,
    sourceMap: true,
    skipLibCheck: true,
    rootDir: 'src',
    outDir: 'dist',
  },
  include: ['src'],
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

// Guests that compilers of other languages have made, with their allocators and libraries, through the raw ABI.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { meshOf, until, type Handler } from '../mesh.test.kit.ts'
import { judge } from '../meter/mutants.test.kit.ts'

const inCi = process.env['CI'] === 'true'
const here = import.meta.dirname
const rustTarget = 'wasm32-unknown-unknown'

/** Whether these commands work; in continuous integration they have to. */
function works(command: string, ...parameters: string[]): boolean {
  try {
    execFileSync(command, parameters, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Debian's compiler first: another one may lack the target. */
const rustc = ['/usr/bin/rustc', 'rustc'].find((one) => works(one, '--version') && existsSync(execFileSync(one, ['--target', rustTarget, '--print', 'target-libdir']).toString().trim()))
const hasClang = works('clang', '--version') && works('wasm-ld', '--version') && existsSync('/usr/include/wasm32-wasi/stdio.h')

const made = new Map<string, Uint8Array<ArrayBuffer>>()

/** Once for all tests of this file. */
function compiled(command: string, parameters: readonly string[]): Uint8Array<ArrayBuffer> {
  const known = made.get(command) ?? compile(command, parameters)
  made.set(command, known)
  return known
}

function compile(command: string, parameters: readonly string[]): Uint8Array<ArrayBuffer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshwright-language-'))
  try {
    const file = path.join(folder, 'gate.wasm')
    execFileSync(command, [...parameters, '-o', file], { cwd: here })
    return Uint8Array.from(readFileSync(file))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const compilers: Readonly<Record<string, { readonly there: boolean; readonly make: () => Uint8Array<ArrayBuffer> }>> = {
  C: { there: hasClang, make: () => compiled('clang', ['--target=wasm32-wasi', '-mexec-model=reactor', '-O2', '-Wall', '-Wno-incompatible-library-redeclaration', 'gate.kit.c']) },
  Rust: { there: rustc !== undefined, make: () => compiled(rustc ?? 'rustc', ['--edition', '2021', '--target', rustTarget, '--crate-name', 'gate', '--crate-type', 'cdylib', '-O', 'gate.kit.rs']) },
}

const handler: Handler = ({ url, headers }, response) => {
  if (headers.host === 'auth') response.statusCode = url === '/good' ? 200 : 404
  response.write(`gate ${String(headers['x-gate'])}, `)
  setTimeout(() => response.end(`asked for ${url}`), 1)
}

describe.each(Object.entries(compilers))('a guest in %s', (language, { there, make }) => {
  test.skipIf(!there && !inCi)(`asks a service, holds requests and responses back, and counts (skipped without a compiler for ${language})`, async () => {
    const guest = make()
    const { ask, lines, metrics } = await meshOf([{ guest, configuration: 'app', logLevel: 2, fuelMs: 20 }], handler)
    const [good, bad, none] = await Promise.all([ask({ path: '/a', headers: { 'x-token': '/good' } }), ask({ headers: { 'x-token': '/bad' } }), ask()])
    expect(good).toMatchObject({ status: 200, body: 'GATE OPEN, ASKED FOR /A' })
    expect(bad).toMatchObject({ status: 403, body: 'NOT YOU', headers: { 'x-gate': 'closed' } })
    expect(none).toMatchObject({ status: 401, body: 'NO TOKEN' })
    const logged = (): string[] => lines.filter(({ msg }) => String(msg).startsWith('stream ')).map(({ msg }) => String(msg).split(': ')[1] ?? '').toSorted((a, b) => a.localeCompare(b))
    await until(() => logged().length === 3)
    expect(logged()).toEqual(['200', '401', '403'])
    expect(metrics()).toMatch(/gate_asked.*"value":2/)
    for (let i = 0; i < 30; i++) expect((await ask({ headers: { 'x-token': '/good' } })).status).toBe(200)
  }, 60_000)

  test.skipIf(!there && !inCi)(`that refuses its configuration is not let in (skipped without a compiler for ${language})`, async () => {
    await expect(meshOf([{ guest: make() }])).rejects.toThrow(/does not take this configuration/)
  }, 60_000)

  test.skipIf(!there && !inCi)(`is metered and stays valid (skipped without a compiler for ${language})`, () => {
    expect(judge(make())).toBe('metered')
  }, 60_000)
})

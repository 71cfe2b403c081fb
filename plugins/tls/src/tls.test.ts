// The files of an identity: what is published of them, when, and what is said when they do not do.
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Metrics, type TlsMaterial } from '@meshwright/core'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { folder, hasOpenssl, pair } from './pair.test.kit.ts'
import { tls, type TlsOptions } from './tls.ts'

const first = hasOpenssl ? pair('first') : { key: '', cert: '' }
const second = hasOpenssl ? pair('second') : { key: '', cert: '' }

afterEach(() => void vi.useRealTimers())

interface Followed {
  readonly seen: TlsMaterial[]
  readonly logged: string[]
  readonly metrics: Metrics
}

/** Watches until the test is over. */
async function follow(options: TlsOptions): Promise<Followed> {
  const followed: Followed = { seen: [], logged: [], metrics: new Metrics() }
  const line = (level: string) => (details: object, text: string) => void followed.logged.push(`${level} ${text} ${JSON.stringify(details)}`)
  const log = { info: line('info'), warn: line('warn'), error: line('error') }
  const stop = await tls({ debounceMs: 1, ...options }, { log, metrics: followed.metrics }).watch((material) => void followed.seen.push(material))
  onTestFinished(() => stop())
  return followed
}

function write(where: string, { key, cert }: { key: string; cert: string }): { cert: string; key: string } {
  const files = { cert: path.join(where, 'tls.crt'), key: path.join(where, 'tls.key') }
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key)
  return files
}

async function until(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 30_000, interval: 5 })
}

describe.skipIf(!hasOpenssl)('an identity by files (skipped without openssl)', () => {
  test('publishes pairs and roots before watch resolves', async () => {
    const where = folder()
    const files = write(where, first)
    writeFileSync(path.join(where, 'a.pem'), first.cert)
    writeFileSync(path.join(where, 'b.pem'), second.cert)
    const { seen } = await follow({ certificates: [files], ca: [path.join(where, 'a.pem'), path.join(where, 'b.pem')] })
    expect(seen).toEqual([{ certificates: [first], ca: `${first.cert}\n${second.cert}` }])
  })

  test('has no roots of its own unless told, and may have nothing else', async () => {
    const files = write(folder(), first)
    expect((await follow(files)).seen).toEqual([{ certificates: [first] }])
    expect((await follow({ ca: files.cert })).seen).toEqual([{ certificates: [], ca: first.cert }])
  })

  test('follows files that are written over', async () => {
    const where = folder()
    const { seen, logged } = await follow(write(where, first))
    write(where, second)
    await until(() => expect(seen.at(-1)).toEqual({ certificates: [second] }))
    await until(() => expect(logged.at(-1)).toMatch(/^info certificates were renewed|^info the certificate files are good again/))
  })

  test('follows files that others are renamed over', async () => {
    const where = folder()
    const { seen } = await follow(write(where, first))
    const next = path.join(where, 'next')
    mkdirSync(next)
    const files = write(next, second)
    for (const file of Object.values(files)) renameSync(file, path.join(where, path.basename(file)))
    await until(() => expect(seen.at(-1)).toEqual({ certificates: [second] }))
  })

  test('follows a symbolic link that is turned, as a mounted secret is renewed, and sees no mixture', async () => {
    const where = folder()
    for (const [name, its] of [['one', first], ['two', second]] as const) {
      mkdirSync(path.join(where, name))
      write(path.join(where, name), its)
    }
    symlinkSync('one', path.join(where, '..data'))
    for (const file of ['tls.crt', 'tls.key']) symlinkSync(`..data/${file}`, path.join(where, file))
    const { seen, logged } = await follow({ cert: path.join(where, 'tls.crt'), key: path.join(where, 'tls.key') })
    symlinkSync('two', path.join(where, '..data_tmp'))
    renameSync(path.join(where, '..data_tmp'), path.join(where, '..data'))
    await until(() => expect(seen).toEqual([{ certificates: [first] }, { certificates: [second] }]))
    expect(logged.filter((line) => line.startsWith('error'))).toEqual([])
  })

  test('notices without any sign of the file system, by looking', async () => {
    const where = folder()
    const files = write(where, first)
    // The watch stays with the folder that was moved away; only the poll sees the new one.
    const { seen } = await follow({ ...files, pollMs: 100 })
    renameSync(where, `${where}-old`)
    onTestFinished(() => rmSync(`${where}-old`, { recursive: true }))
    mkdirSync(where)
    write(where, second)
    await until(() => expect(seen.at(-1)).toEqual({ certificates: [second] }))
  })

  test('says nothing and publishes nothing when files are touched without a change', async () => {
    const where = folder()
    const { seen, logged } = await follow({ ...write(where, first), pollMs: 100 })
    write(where, first)
    write(where, second)
    await until(() => expect(seen).toHaveLength(2))
    expect(logged.filter((line) => line.startsWith('info certificates'))).toHaveLength(1)
  })

  test.each([
    ['a key that belongs to another certificate', (where: string) => writeFileSync(path.join(where, 'tls.key'), second.key), /tls\.crt with .*tls\.key: the key does not belong to the certificate/],
    ['half a certificate', (where: string) => writeFileSync(path.join(where, 'tls.crt'), first.cert.slice(0, 200)), /tls\.crt with .*: the certificate cannot be used: it has no certificate/],
    ['half a key', (where: string) => writeFileSync(path.join(where, 'tls.key'), first.key.slice(0, 100)), /the key cannot be used/],
    ['an empty file', (where: string) => writeFileSync(path.join(where, 'tls.crt'), ''), /no certificate/],
    ['no file', (where: string) => rmSync(path.join(where, 'tls.key')), /tls\.key: ENOENT/],
    ['a folder', (where: string) => (rmSync(path.join(where, 'tls.crt')), mkdirSync(path.join(where, 'tls.crt'))), /tls\.crt: it is not a file/],
    ['a huge file', (where: string) => writeFileSync(path.join(where, 'tls.crt'), 'x'.repeat(5_000_000)), /tls\.crt: it is longer than/],
  ])('keeps the last good ones over %s, says once why, and takes good ones again', async (_what, spoil, reason) => {
    const where = folder()
    const files = write(where, first)
    const { seen, logged } = await follow({ ...files, pollMs: 100 })
    spoil(where)
    await until(() => expect(logged).toContainEqual(expect.stringMatching(/^error .*the last good ones stay in use/)))
    expect(logged.find((line) => line.startsWith('error'))).toMatch(reason)
    expect(seen).toEqual([{ certificates: [first] }])
    rmSync(files.cert, { recursive: true })
    write(where, second)
    await until(() => expect(seen.at(-1)).toEqual({ certificates: [second] }))
    expect(logged.join('\n')).not.toMatch(/PRIVATE KEY|MIGHAgEA/)
    const key = first.key.split('\n')[1] as string
    expect(logged.join('\n')).not.toContain(key)
  })

  test.each([
    ['another key', { key: second.key, cert: first.cert }, /the key does not belong to the certificate/],
    ['no certificate', { key: first.key, cert: 'nothing' }, /it has no certificate in PEM/],
    ['an encrypted key', { key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----', cert: first.cert }, /the key cannot be used/],
  ])('does not start with %s, and says why without the key', async (_what, its, reason) => {
    const files = write(folder(), its)
    const started = tls(files).watch(() => {})
    await expect(started).rejects.toThrow(reason)
    await expect(started).rejects.not.toThrow(/PRIVATE KEY/)
  })

  test('does not start without its files', async () => {
    await expect(tls({ cert: '/nowhere/a.pem', key: '/nowhere/b.pem' }).watch(() => {})).rejects.toThrow('/nowhere/a.pem: ENOENT')
  })

  test('is silent once it has been stopped', async () => {
    const where = folder()
    const seen: TlsMaterial[] = []
    const stop = await tls({ ...write(where, first), debounceMs: 0, pollMs: 100 }).watch((material) => void seen.push(material))
    stop()
    const { seen: others } = await follow({ cert: path.join(where, 'tls.crt'), key: path.join(where, 'tls.key'), pollMs: 100 })
    write(where, second)
    await until(() => expect(others).toHaveLength(2))
    expect(seen).toHaveLength(1)
  })

  test('tells the metrics when each certificate expires', async () => {
    const files = write(folder(), first)
    const { metrics } = await follow(files)
    const family = metrics.collect().find(({ name }) => name === 'mesh_certificate_expiry_timestamp_seconds')
    expect(family?.series).toMatchObject([{ labels: [files.cert] }])
    const [series] = (family?.series ?? []) as readonly { value: number }[]
    expect((series?.value ?? 0) - Date.now() / 1000).toBeGreaterThan(29.9 * 86_400)
    expect((series?.value ?? 0) - Date.now() / 1000).toBeLessThan(30.1 * 86_400)
  })

  test('warns of a certificate that expires soon, and of one that has', async () => {
    const soon = await follow(write(folder(), pair('soon', 10)))
    expect(soon.logged).toEqual([expect.stringMatching(/^warn a certificate expires in (9|10) days .*"subject":"CN=soon"/)])
    const over = await follow(write(folder(), pair('over', -1)))
    expect(over.logged).toEqual([expect.stringMatching(/^warn a certificate has expired/)])
    expect(over.seen).toHaveLength(1)
  })
})

describe('options', () => {
  test.each([
    ['a cert without a key', { cert: 'a' }, 'cert and key come together'],
    ['a key without a cert', { key: 'a' }, 'cert and key come together'],
    ['one pair and several', { cert: 'a', key: 'b', certificates: [{ cert: 'a', key: 'b' }] }, 'either'],
    ['nothing', {}, 'neither'],
    ['a key where its path is expected', { cert: 'a', key: '-----BEGIN PRIVATE KEY-----\nMIGH' }, /^there is a text in PEM where the path of a file is expected$/],
    ['a negative time', { ca: 'a', debounceMs: -1 }, 'debounceMs'],
    ['a poll without rest', { ca: 'a', pollMs: 1 }, 'pollMs'],
    ['days that are none', { ca: 'a', warnDays: Number.NaN }, 'warnDays'],
  ])('with %s are refused', (_what, options, reason) => {
    expect(() => tls(options)).toThrow(reason)
  })
})

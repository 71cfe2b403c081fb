// Makes a fresh clone ready to run: npm packages, a Node new enough, and with --tests or --bench the servers those use.
// Plain old JavaScript, as it must run on the Node that happens to be there (18 or later) before anything is installed.
'use strict'

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const floor = [24, 15]
const inCi = process.env.CI === 'true'

/** What Debian calls the programs that a purpose needs, by the program or file that shows they are there. */
const debianPackages = {
  '--tests': {
    promtool: 'prometheus',
    dnsmasq: 'dnsmasq-base',
    'redis-server': 'redis-server',
    openssl: 'openssl',
    // Compilers to WebAssembly, with the libraries that go with them.
    clang: 'clang',
    'wasm-ld': 'lld',
    '/usr/include/wasm32-wasi/stdio.h': 'wasi-libc libclang-rt-dev-wasm32',
    '/usr/lib/rustlib/wasm32-unknown-unknown': 'rustc libstd-rust-dev-wasm32',
  },
  '--bench': { nginx: 'nginx', haproxy: 'haproxy', caddy: 'caddy', wrk: 'wrk', 'libatomic.so.1': 'libatomic1' },
}

main(process.argv.slice(2))

function main(purposes) {
  if (!npmPackagesInStep()) installNpmPackages()
  requireNode()
  for (const purpose of purposes) provideServers(debianPackages[purpose] || fail(`unknown option ${purpose}`))
}

// npm packages

/** npm keeps a copy of the lock file for what it has installed: the same packages in both means nothing is to be done. */
function npmPackagesInStep() {
  const wanted = lockedPackages('package-lock.json')
  const installed = lockedPackages('node_modules/.package-lock.json')
  return Object.keys(wanted).every((place) => {
    if (!place.includes('node_modules/')) return true
    const want = wanted[place]
    const have = installed[place]
    if (have) return have.version === want.version && have.integrity === want.integrity
    return Boolean(want.optional) && !isForThisMachine(want)
  })
}

function lockedPackages(file) {
  try {
    return JSON.parse(fs.readFileSync(path.join(root, file), 'utf8')).packages
  } catch (error) {
    if (error.code === 'ENOENT' && file.startsWith('node_modules')) return {}
    throw error
  }
}

/** npm leaves out an optional package silently when its download fails, so one that names this platform is asked for again. */
function isForThisMachine(entry) {
  if (!entry.os && !entry.cpu) return false
  return allows(entry.os, process.platform) && allows(entry.cpu, process.arch) && allows(entry.libc, libc)
}

function allows(list, actual) {
  return !list || [].concat(list).includes(typeof actual === 'function' ? actual() : actual)
}

function libc() {
  return process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl'
}

function installNpmPackages() {
  const done = step('installing npm packages')
  // Windows cannot delete the node.exe that runs this, which `npm ci` would do.
  const command = process.platform === 'win32' ? 'install' : 'ci'
  let result = npm(command)
  if (result.status !== 0 && !isOutOfStep(result)) result = npm(command)
  if (result.status !== 0) {
    done(isOutOfStep(result) ? 'failed: run `npm install` and commit package-lock.json' : `npm ${command} failed`)
    fail(firstLines(output(result), 20))
  }
  done()
}

/** The manifests and the lock file disagree: no second try helps. */
function isOutOfStep(result) {
  return result.stderr.includes('EUSAGE')
}

function npm(command) {
  const args = [command, '--no-audit', '--no-fund', '--loglevel=error']
  const cli = process.env.npm_execpath
  if (cli && /\.c?js$/.test(cli)) return run(process.execPath, [cli].concat(args))
  return run('npm', args, { shell: process.platform === 'win32' })
}

// Node

/** The scripts of package.json find node_modules/.bin first, so the Node packaged for this platform is the one they get. */
function requireNode() {
  const packaged = path.join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')
  if (fs.existsSync(packaged) || isNewEnough(process.versions.node)) return
  fail(
    `Meshwright needs Node >= ${floor.join('.')}; this is ${process.version}, and no Node is packaged for ` +
      `${process.platform}-${process.arch}: please install one (see .node-version)`,
  )
}

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > floor[0] || (major === floor[0] && minor >= floor[1])
}

// Servers

function provideServers(packages) {
  let missing = absent(packages)
  if (missing.length === 0) return
  if (isRootOnDebian()) {
    installDebianPackages([...new Set([].concat(...missing.map((name) => packages[name].split(' '))))])
    missing = absent(packages)
  }
  if (missing.length === 0) return
  if (inCi) fail(`missing on this machine: ${missing.join(', ')}`)
  say(`not on this machine: ${missing.join(', ')}; what needs them is skipped`)
}

function absent(packages) {
  return Object.keys(packages).filter((name) => !searchPath(name).some((dir) => fs.existsSync(path.join(dir, name))))
}

function searchPath(name) {
  if (path.isAbsolute(name)) return ['']
  if (name.includes('.so.')) return ['/usr/lib', '/lib'].concat(children('/usr/lib'))
  return (process.env.PATH || '').split(path.delimiter).concat('/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin')
}

function children(dir) {
  if (!fs.existsSync(dir)) return []
  return fs.readdirSync(dir).map((name) => path.join(dir, name))
}

function isRootOnDebian() {
  return typeof process.getuid === 'function' && process.getuid() === 0 && fs.existsSync('/etc/debian_version')
}

function installDebianPackages(names) {
  const done = step(`installing Debian packages ${names.join(' ')}`)
  const result = withServicesHeldBack(() => {
    const update = aptGet(['update'])
    return update.status === 0 ? aptGet(['install', '-y', '--no-install-recommends'].concat(names)) : update
  })
  done(result.status === 0 ? '' : `failed: ${lastLine(output(result))}`)
}

function aptGet(args) {
  return run('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120'].concat(args), {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}

/** Debian starts a server when it installs one; tests start their own, on ports of their own. */
function withServicesHeldBack(install) {
  const policy = '/usr/sbin/policy-rc.d'
  if (fs.existsSync(policy)) return install()
  fs.writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    return install()
  } finally {
    fs.rmSync(policy, { force: true })
  }
}

// Telling

function step(what) {
  const startedMs = Date.now()
  process.stdout.write(`setup: ${what} … `)
  return (outcome) => process.stdout.write(`${outcome || 'done'} (${((Date.now() - startedMs) / 1000).toFixed(1)} s)\n`)
}

function say(line) {
  process.stdout.write(`setup: ${line}\n`)
}

function fail(why) {
  process.stderr.write(`setup: ${why}\n`)
  process.exit(1)
}

function run(command, args, options) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 << 20, ...options })
  return result.error ? { status: 1, stdout: '', stderr: String(result.error.message) } : result
}

function output(result) {
  return `${result.stdout}${result.stderr}`.trim()
}

function firstLines(text, count) {
  return text.split('\n').slice(0, count).join('\n')
}

function lastLine(text) {
  return text.split('\n').pop()
}

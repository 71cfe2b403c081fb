#!/usr/bin/env node
// The door of the command: looks at the version of Node in words every Node understands, then loads the rest.
'use strict'
var fs = require('fs')
var path = require('path')
var url = require('url')

var found = process.versions.node.split('.').map(Number)

function tooOld() {
  return found[0] < 24 || (found[0] === 24 && found[1] < 15)
}

// In a checkout the sources run unbuilt; under node_modules Node refuses to strip types, so there only dist counts.
function inCheckout() {
  return fs.existsSync(path.join(__dirname, '../../core/src')) && fs.existsSync(path.join(__dirname, '../src/main.ts'))
}

function hasSourceCondition() {
  return (process.execArgv.join(' ') + (process.env.NODE_OPTIONS || '')).indexOf('mw-source') >= 0
}

function load(file) {
  void import(url.pathToFileURL(path.join(__dirname, file)).href)
}

// The packages of a checkout find each other's sources by an export condition that only Node's command line can set.
function restartOnSources() {
  var args = process.execArgv.concat(['--conditions=mw-source', __filename], process.argv.slice(2))
  if (process.execve && process.platform !== 'win32') {
    process.execve(process.execPath, [process.execPath].concat(args), process.env)
  }
  var child = require('child_process').spawn(process.execPath, args, { stdio: 'inherit' })
  child.on('exit', function (code) {
    process.exit(code === null ? 1 : code)
  })
}

if (tooOld()) {
  console.error('Meshwright needs Node.js 24.15 or newer; this is ' + process.version + ' (' + process.execPath + ').')
  process.exitCode = 1
} else if (hasSourceCondition()) {
  load('../src/main.ts')
} else if (inCheckout()) {
  restartOnSources()
} else {
  load('../dist/main.js')
}

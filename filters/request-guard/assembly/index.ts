// Refuses requests by method, path, headers and size, and says which rule it was.
import { Action, Body, Counter, fieldName, HttpFilter, log, owner, Plugin, settings } from '@meshwright/filter-sdk'
import { Glob, normalPath } from './glob'

@config
export class Settings {
  /** Methods that may pass; empty: all. */
  methods: string[] = []
  /** Paths, with `*` for anything, that may not pass; and those that alone may, if there are any. */
  denyPaths: string[] = []
  allowPaths: string[] = []
  /** Header fields that a request must have. */
  requireHeaders: string[] = []
  /** By name, what a header field must not look like, with `*` for anything. */
  denyHeaders: Map<string, string[]> = new Map()
  /** Each 0: no limit. */
  maxPathBytes: u32 = 8192
  maxHeaders: u32 = 100
  maxHeaderBytes: u32 = 16384
  maxBodyBytes: u32 = 0
  /** Only count and log what would be refused. */
  shadow: bool = false
}

class HeaderRule {
  constructor(public name: string, public patterns: Glob[]) {}
}

/** Counters are made when their reason is first seen; there are as many as reasons in this file. */
const counters: Map<string, Counter> = new Map()

@plugin
export class Rules extends Plugin {
  deny: Glob[] = []
  allow: Glob[] = []
  headers: HeaderRule[] = []

  onConfigure(): bool {
    const own = settings<Settings>()
    this.deny = globs(own.denyPaths)
    this.allow = globs(own.allowPaths)
    this.headers = []
    const names = own.denyHeaders.keys()
    for (let i = 0; i < names.length; i++) {
      if (!fieldName(names[i]) && names[i] != 'host') return complain(names[i])
      this.headers.push(new HeaderRule(names[i] == 'host' ? ':authority' : names[i], globs(own.denyHeaders.get(names[i]))))
    }
    for (let i = 0; i < own.requireHeaders.length; i++) {
      if (!fieldName(own.requireHeaders[i])) return complain(own.requireHeaders[i])
    }
    return true
  }
}

function globs(patterns: string[]): Glob[] {
  const all: Glob[] = []
  for (let i = 0; i < patterns.length; i++) all.push(new Glob(patterns[i]))
  return all
}

function anyMatches(patterns: Glob[], text: string): bool {
  for (let i = 0; i < patterns.length; i++) {
    if (patterns[i].matches(text)) return true
  }
  return false
}

function complain(name: string): bool {
  log.error(`configuration: "${name}" is no name of a header field`)
  return false
}

@filter
export class RequestGuard extends HttpFilter {
  private bodyBytes: u32 = 0

  onRequestHeaders(end: bool): Action {
    const own = settings<Settings>()
    const rules = owner<Rules>()
    if (own.methods.length > 0 && !own.methods.includes(this.request.method)) return this.refuse(405, 'method')
    const path = this.request.path
    if (own.maxPathBytes > 0 && <u32>path.length > own.maxPathBytes) return this.refuse(414, 'path-too-long')
    if (rules.deny.length > 0 || rules.allow.length > 0) {
      const normal = normalPath(path)
      if (anyMatches(rules.deny, normal)) return this.refuse(403, 'path')
      if (rules.allow.length > 0 && !anyMatches(rules.allow, normal)) return this.refuse(403, 'path')
    }
    for (let i = 0; i < own.requireHeaders.length; i++) {
      if (!this.request.headers.has(own.requireHeaders[i])) return this.refuse(400, 'header-missing')
    }
    return this.checkHeaders(own, rules)
  }

  @inspect
  onRequestBody(body: Body, end: bool): Action {
    const own = settings<Settings>()
    if (own.maxBodyBytes == 0) return Action.Continue
    this.bodyBytes += body.size
    return this.bodyBytes > own.maxBodyBytes ? this.refuse(413, 'body-too-large') : Action.Continue
  }

  private checkHeaders(own: Settings, rules: Rules): Action {
    if (own.maxBodyBytes > 0) {
      const length = this.request.headers.get('content-length')
      if (length != null && parseFloat(length) > own.maxBodyBytes) return this.refuse(413, 'body-too-large')
    }
    for (let i = 0; i < rules.headers.length; i++) {
      const values = this.request.headers.getAll(rules.headers[i].name)
      for (let j = 0; j < values.length; j++) {
        if (anyMatches(rules.headers[i].patterns, values[j])) return this.refuse(403, 'header')
      }
    }
    if (own.maxHeaders == 0 && own.maxHeaderBytes == 0) return Action.Continue
    const fields = this.request.headers.entries()
    let bytes: u32 = 0
    for (let i = 0; i < fields.length; i++) bytes += fields[i].name.length + fields[i].bytes.length
    if ((own.maxHeaders > 0 && <u32>fields.length > own.maxHeaders) || (own.maxHeaderBytes > 0 && bytes > own.maxHeaderBytes)) return this.refuse(431, 'headers-too-large')
    return Action.Continue
  }

  private refuse(status: u32, reason: string): Action {
    count(reason)
    if (settings<Settings>().shadow) {
      log.info(`would refuse a request: ${reason}`)
      return Action.Continue
    }
    log.debug(`refused a request: ${reason}`)
    return this.reply(status, `refused: ${reason}\n`, { headers: [['x-guard-reason', reason]], details: 'request_guard_' + reason })
  }
}

function count(reason: string): void {
  if (!counters.has(reason)) counters.set(reason, new Counter('request_guard_' + reason))
  counters.get(reason).add()
}

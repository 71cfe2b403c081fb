// Sets, appends and removes header fields of requests and responses.
import { Action, fieldName, fieldValue, Headers, HttpFilter, log, owner, Plugin, settings } from '@meshwright/filter-sdk'
import { Template } from './template'

/** What becomes of a head: first fields are removed, then set, then appended. */
export class Rewrite {
  remove: string[] = []
  set: Map<string, string> = new Map()
  append: Map<string, string> = new Map()
}

@config
export class Settings {
  request: Rewrite = new Rewrite()
  response: Rewrite = new Rewrite()
}

/** A field with its value, ready to be used. */
class Rule {
  constructor(public name: string, public template: Template, public appends: bool) {}
}

@plugin
export class Rules extends Plugin {
  request: Rule[] = []
  response: Rule[] = []
  /** Whether response fields are made of the request. */
  keeps: bool = false

  onConfigure(): bool {
    const own = settings<Settings>()
    this.request = []
    this.response = []
    this.keeps = false
    if (!this.take(own.request, this.request, false) || !this.take(own.response, this.response, true)) return false
    for (let i = 0; i < this.response.length; i++) this.keeps = this.keeps || this.response[i].template.hasVariables
    return true
  }

  private take(rewrite: Rewrite, into: Rule[], inResponse: bool): bool {
    for (let i = 0; i < rewrite.remove.length; i++) {
      if (!fieldName(rewrite.remove[i])) return complain(rewrite.remove[i])
    }
    return this.takeAll(rewrite.set, into, inResponse, false) && this.takeAll(rewrite.append, into, inResponse, true)
  }

  private takeAll(fields: Map<string, string>, into: Rule[], inResponse: bool, appends: bool): bool {
    const names = fields.keys()
    for (let i = 0; i < names.length; i++) {
      if (!fieldName(names[i])) return complain(names[i])
      const value = fields.get(names[i])
      const template = new Template(value, inResponse)
      if (value != fieldValue(value)) template.error = `"${names[i]}" has a control character in its value`
      if (template.error.length > 0) {
        log.error(`configuration: ${template.error}`)
        return false
      }
      into.push(new Rule(names[i], template, appends))
    }
    return true
  }
}

function complain(name: string): bool {
  log.error(`configuration: "${name}" is no header field that can be changed`)
  return false
}

@filter
export class HeaderRewrite extends HttpFilter {
  private kept: string[][] = []

  onRequestHeaders(end: bool): Action {
    const rules = owner<Rules>()
    const headers = this.request.headers
    // Not every host lets a filter read the request once the response is there. What it was before we changed it counts.
    if (rules.keeps) {
      for (let i = 0; i < rules.response.length; i++) this.kept.push(rules.response[i].template.ofRequest(this.request))
    }
    const values: string[] = []
    for (let i = 0; i < rules.request.length; i++) values.push(rules.request[i].template.text(this.request))
    remove(headers, settings<Settings>().request.remove)
    for (let i = 0; i < values.length; i++) apply(headers, rules.request[i], values[i])
    return Action.Continue
  }

  onResponseHeaders(end: bool): Action {
    const rules = owner<Rules>()
    const headers = this.response.headers
    const values: string[] = []
    for (let i = 0; i < rules.response.length; i++) values.push(this.valueOf(rules.response[i], i))
    remove(headers, settings<Settings>().response.remove)
    for (let i = 0; i < values.length; i++) apply(headers, rules.response[i], values[i])
    return Action.Continue
  }

  private valueOf(rule: Rule, i: i32): string {
    // A reply of another filter may come without the request having come here.
    const kept = i < this.kept.length ? this.kept[i] : rule.template.ofRequest(this.request)
    return rule.template.responseText(kept, this.response)
  }
}

function remove(headers: Headers, names: string[]): void {
  for (let i = 0; i < names.length; i++) headers.delete(names[i])
}

function apply(headers: Headers, rule: Rule, value: string): void {
  if (value.length == 0 && rule.template.hasVariables) {
    // What a client has sent under the name must not pass for what we would have set.
    if (!rule.appends) headers.delete(rule.name)
  } else if (rule.appends) headers.append(rule.name, value)
  else headers.set(rule.name, value)
}

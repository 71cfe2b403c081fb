// The step between parsing and compiling: finds the classes, refuses what cannot be meant, and adds the module's entry.
import { hasDecorator, isExported, isStatic, methodCalled, onlyIf, report, userSources, type Member, type Parser, type Source, type SyntaxNode } from './ast.ts'
import { isCallback, isFilterBase, mistaken, type FilterBase } from './callbacks.ts'
import { Classes, type UserClass } from './classes.ts'
import { checkDecorators } from './decorators.ts'
import { entryText, sdkName, startPath, type BodyPlan } from './entry.ts'
import { SettingsReader } from './settings-reader.ts'

const levels: readonly string[] = ['trace', 'debug', 'info', 'warn']

/** The path of the generated module. Nobody's file has it. */
const entryPath = 'meshwright-entry.ts'

/** One for each compilation. */
export class FilterTransform {
  afterParse(parser: Parser): void {
    const sources = userSources(parser).filter(({ internalPath }) => internalPath !== startPath)
    checkDecorators(parser, sources)
    if (parser.diagnostics.length > 0) return
    const classes = new Classes(sources)
    const filter = theOnly(parser, classes, 'filter', sources[0])
    const plugin = theOnly(parser, classes, 'plugin', undefined)
    const config = theOnly(parser, classes, 'config', undefined)
    const base = filter && classes.foreignBase(filter)
    if (filter === undefined || !isFilterBase(base) || parser.diagnostics.length > 0) return
    const filterMethods = checkMethods(parser, classes, filter, base)
    const pluginMethods = plugin === undefined ? new Map<string, Member>() : checkMethods(parser, classes, plugin, 'Plugin')
    checkCalls(parser, classes, filter, filterMethods)
    checkSettings(parser, classes, sources, config)
    const reader = new SettingsReader(parser, classes)
    const functions = config === undefined ? '' : reader.read(config)
    if (parser.diagnostics.length > 0) return
    for (const source of sources) guardLogs(source)
    const text = entryText({
      filter,
      base,
      plugin,
      filterMethods: new Set(filterMethods.keys()),
      pluginMethods: new Set(pluginMethods.keys()),
      request: bodyPlan(filterMethods.get('onRequestBody')),
      response: bodyPlan(filterMethods.get('onResponseBody')),
      settings: config === undefined ? undefined : { root: config.node, functions },
      classes: [filter, ...(plugin === undefined ? [] : [plugin]), ...reader.used],
    })
    parser.parseFile(text, entryPath, true)
  }
}

/** @param must the source to complain about if there is none; undefined: there need not be one */
function theOnly(parser: Parser, classes: Classes, decorator: 'filter' | 'plugin' | 'config', must: Source | undefined): UserClass | undefined {
  const found = classes.marked(decorator)
  if (found.length === 0 && must !== undefined) {
    report(parser, { start: 0, end: 0, source: must }, `no class is marked @${decorator}: a filter is "@filter export class Name extends HttpFilter", or TcpFilter`)
  }
  for (const { node } of found.slice(1)) report(parser, node.name.range, `${node.name.text} is marked @${decorator}, and so is ${found[0]?.node.name.text}: a module has one`)
  const first = found[0]
  if (first !== undefined) checkClass(parser, classes, first, decorator)
  return first
}

function checkClass(parser: Parser, classes: Classes, own: UserClass, decorator: 'filter' | 'plugin' | 'config'): void {
  const { node } = own
  if (!isExported(node)) report(parser, node.name.range, `the class marked @${decorator} is not exported: write "@${decorator} export class ${node.name.text}"`)
  if (decorator === 'config') return
  const base = classes.foreignBase(own)
  if (decorator === 'filter' ? isFilterBase(base) : base === 'Plugin') return
  const wanted = decorator === 'filter' ? 'HttpFilter or TcpFilter' : 'Plugin'
  report(parser, node.name.range, `the class marked @${decorator} must extend ${wanted}${base === undefined ? '' : `, not ${base}`}`)
}

/** @returns the overridden callbacks */
function checkMethods(parser: Parser, classes: Classes, own: UserClass, base: FilterBase | 'Plugin'): Map<string, Member> {
  const found = new Map<string, Member>()
  for (const [name, member] of classes.methods(own)) {
    const is = isCallback(name, base)
    if (is) found.set(name, member)
    const mistake = is ? staticMistake(name, member) : mistaken(name, base)
    if (mistake !== undefined) report(parser, member.name.range, mistake)
  }
  return found
}

function staticMistake(name: string, member: Member): string | undefined {
  return isStatic(member) ? `"${name}" is static, so that nobody calls it: leave "static" away` : undefined
}

/** A call whose answer nobody takes would leave its stream waiting for ever, and so would one that bytes of an endpoint wait for. */
function checkCalls(parser: Parser, classes: Classes, filter: UserClass, methods: ReadonlyMap<string, Member>): void {
  for (const { node, source } of classes.lineage(filter)) {
    if (!methods.has('onCallResponse')) complainOf(parser, source, node, /\bthis\.call\(/, 'this.call() needs a method onCallResponse(tag: string, response: CallResponse): Action')
    for (const member of node.members) {
      if (member.name.text === 'onUpstreamData') complainOf(parser, source, member, /\breturn\s+this\.call\(/, 'bytes of the endpoint cannot wait for a call, as no host lets them go then: call without "return", and return Action.Continue')
    }
  }
}

/** Reports the first place of a class or method where something stands that must not. */
function complainOf(parser: Parser, source: Source, { range }: SyntaxNode, what: RegExp, message: string): void {
  const found = what.exec(withoutComments(source.text.slice(range.start, range.end)))
  if (found === null) return
  const start = range.start + found.index
  report(parser, { source, start, end: start + found[0].length - 1 }, message)
}

/** Settings of another class would end the VM at the first request. */
function checkSettings(parser: Parser, classes: Classes, sources: readonly Source[], config: UserClass | undefined): void {
  const names = config === undefined ? [] : classes.lineage(config).map(({ node }) => node.name.text)
  for (const source of sources) {
    for (const { index, 0: text, 1: name = '' } of withoutComments(source.text).matchAll(/\bsettings<(\w+)>\(/g)) {
      if (names.includes(name) || classes.find(name) === undefined) continue
      report(parser, { source, start: index, end: index + text.length - 1 }, `settings<${name}>() needs the class that is marked @config: ${names[0] === undefined ? 'no class is' : `that is ${names[0]}`}`)
    }
  }
}

/** Blanks in place of comments: everything stays where it is. A text with `//` in it loses its rest, which hides no call that matters. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\/|\/\/[^\n]*/g, (comment) => ' '.repeat(comment.length))
}

function bodyPlan(callback: Member | undefined): BodyPlan {
  if (callback === undefined) return { wanted: false, whole: false, rewrites: false }
  return { wanted: true, whole: hasDecorator(callback, 'buffer'), rewrites: !hasDecorator(callback, 'inspect') }
}

/** A statement `log.debug(…)` becomes `if (log.wantsDebug()) log.debug(…)`: the line is not built when nobody wants it. */
function guardLogs(source: Source): void {
  const imported = new RegExp(`import\\s*\\{[^}]*\\blog\\b(?!\\s+as)[^}]*\\}\\s*from\\s*['"]${sdkName}['"]`).test(source.text)
  if (imported) guardIn(source.statements, new Set())
}

function guardIn(value: unknown, seen: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  for (const [name, child] of Object.entries(value) as [string, unknown][]) {
    // Ranges lead to the source, and from there to everything.
    if (name === 'range' || name === 'parent' || typeof child !== 'object' || child === null) continue
    const guarded = guard(child as SyntaxNode)
    if (guarded === undefined) guardIn(child, seen)
    else (value as Record<string, unknown>)[name] = guarded
  }
}

function guard(node: SyntaxNode): SyntaxNode | undefined {
  if (typeof node.kind !== 'number') return undefined
  const method = methodCalled(node, 'log')
  if (method === undefined || !levels.includes(method)) return undefined
  return onlyIf('log', `wants${method[0]?.toUpperCase()}${method.slice(1)}`, node)
}

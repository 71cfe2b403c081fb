// The step between parsing and compiling: finds the classes, refuses what cannot be meant, and adds the module's entry.
import { hasDecorator, isExported, methodCalled, onlyIf, report, userSources, type Member, type Parser, type Source, type SyntaxNode } from './ast.ts'
import { Classes, type UserClass } from './classes.ts'
import { closest } from './closest.ts'
import { checkDecorators } from './decorators.ts'
import { entryText, sdkName, startPath, type BodyPlan } from './entry.ts'
import { SettingsReader } from './settings-reader.ts'

/** The callbacks of a filter and of a plugin: every other method that begins with `on` and a capital is a mistake. */
const callbacks = {
  filter: ['onRequestHeaders', 'onRequestBody', 'onRequestTrailers', 'onResponseHeaders', 'onResponseBody', 'onResponseTrailers', 'onCallResponse', 'onLog'],
  plugin: ['onConfigure', 'onTick', 'onQueue', 'onCallResponse'],
} as const
const bases = { filter: 'HttpFilter', plugin: 'Plugin' } as const
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
    if (filter === undefined || parser.diagnostics.length > 0) return
    const filterMethods = checkMethods(parser, classes, filter, 'filter')
    const pluginMethods = plugin === undefined ? new Map<string, Member>() : checkMethods(parser, classes, plugin, 'plugin')
    checkCalls(parser, classes, filter, filterMethods)
    checkSettings(parser, classes, sources, config)
    const reader = new SettingsReader(parser, classes)
    const functions = config === undefined ? '' : reader.read(config)
    if (parser.diagnostics.length > 0) return
    for (const source of sources) guardLogs(source)
    const text = entryText({
      filter,
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
    report(parser, { start: 0, end: 0, source: must }, `no class is marked @${decorator}: a filter is "@filter export class Name extends HttpFilter"`)
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
  if (base !== bases[decorator]) report(parser, node.name.range, `the class marked @${decorator} must extend ${bases[decorator]}${base === undefined ? '' : `, not ${base}`}`)
}

/** @returns the overridden callbacks */
function checkMethods(parser: Parser, classes: Classes, own: UserClass, kind: 'filter' | 'plugin'): Map<string, Member> {
  const known: readonly string[] = callbacks[kind]
  const found = new Map<string, Member>()
  for (const [name, member] of classes.methods(own)) {
    if (known.includes(name)) found.set(name, member)
    else if (/^on[A-Z]/.test(name) || known.some((one) => one.toLowerCase() === name.toLowerCase())) report(parser, member.name.range, unknownCallback(name, kind))
  }
  return found
}

function unknownCallback(name: string, kind: 'filter' | 'plugin'): string {
  const other = kind === 'filter' ? 'plugin' : 'filter'
  const known: readonly string[] = callbacks[kind]
  const elsewhere: readonly string[] = callbacks[other]
  if (elsewhere.includes(name) && !known.includes(name)) return `"${name}" is a callback of a ${other}, not of a ${kind}: move it to the class marked @${other}`
  const meant = closest(name, known)
  return `there is no callback "${name}"${meant === undefined ? `: there are ${known.join(', ')}` : `: did you mean "${meant}"?`}`
}

/** A call whose answer nobody takes would leave its stream waiting for ever. */
function checkCalls(parser: Parser, classes: Classes, filter: UserClass, methods: ReadonlyMap<string, Member>): void {
  if (methods.has('onCallResponse')) return
  for (const { node, source } of classes.lineage(filter)) {
    const at = withoutComments(source.text.slice(node.range.start, node.range.end)).search(/\bthis\.call\(/)
    if (at >= 0) report(parser, { source, start: node.range.start + at, end: node.range.start + at + 9 }, 'this.call() needs a method onCallResponse(tag: string, response: CallResponse): Action')
  }
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

// Writes the functions that read a configuration into the class marked @config and the classes of its fields.
import { hasDecorator, isExported, report, type Member, type Parser, type TypeNode } from './ast.ts'
import type { Classes, UserClass } from './classes.ts'

const whole: readonly string[] = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64', 'isize', 'usize']

export class SettingsReader {
  readonly #parser: Parser
  readonly #classes: Classes
  /** By name of the class: its function. */
  readonly #functions = new Map<string, string>()
  /** Classes that the functions name. */
  readonly used: UserClass[] = []

  constructor(parser: Parser, classes: Classes) {
    this.#parser = parser
    this.#classes = classes
  }

  /** The functions for a class and all it refers to. */
  read(root: UserClass): string {
    this.#add(root)
    return [...this.#functions.values()].join('\n')
  }

  #add(own: UserClass): void {
    const name = own.node.name.text
    if (this.#functions.has(name)) return
    if (!isExported(own.node)) report(this.#parser, own.node.name.range, `the class ${name} is read from the configuration: write "export class ${name}"`)
    this.#functions.set(name, '')
    this.used.push(own)
    const fields = [...this.#classes.fields(own).values()]
    const names = fields.map((field) => `'${field.name.text}'`).join(', ')
    const lines = fields.map((field) => this.#line(field))
    this.#functions.set(
      name,
      `function read_${name}(json: Json, path: string): ${name} {
  const it = new ${name}()
  if (!isObject(json, path, [${names}])) return it
${lines.join('\n')}
  return it
}`,
    )
  }

  #line(field: Member): string {
    const name = field.name.text
    const missing = hasDecorator(field, 'required') ? `complain(path + '.${name}', 'it is missing')` : ''
    const read = field.type === null || field.type === undefined ? undefined : this.#expression(field.type, `field_${name}`, `path + '.${name}'`)
    if (read === undefined) {
      report(this.#parser, field.range, `the field "${name}" has a type that a configuration cannot hold: text, bool, numbers, lists, Map<string, …> and classes can be read`)
      return ''
    }
    return `  const field_${name} = json.get('${name}')
  if (field_${name} != null) it.${name} = ${read}
  else { ${missing} }`
  }

  /** What reads a type; undefined for one that cannot be read. */
  #expression(type: TypeNode, json: string, path: string): string | undefined {
    const inner = this.#plain(type, json, path)
    return inner !== undefined && type.isNullable ? `${json}.kind == JsonKind.Null ? null : ${inner}` : inner
  }

  #plain(type: TypeNode, json: string, path: string): string | undefined {
    const name = type.name?.identifier.text
    if (name === undefined) return undefined
    if (name === 'string') return `readText(${json}, ${path})`
    if (name === 'bool' || name === 'boolean') return `readBool(${json}, ${path})`
    if (name === 'f64' || name === 'f32') return `<${name}>readFloat(${json}, ${path})`
    if (whole.includes(name)) return `readWhole<${name}>(${json}, ${path})`
    const values = type.typeArguments ?? []
    if (name === 'Array' && values[0] !== undefined) return this.#many('readList', values[0], json, path)
    if (name === 'Map' && values[0]?.name?.identifier.text === 'string' && values[1] !== undefined) return this.#many('readMap', values[1], json, path)
    const own = this.#classes.find(name)
    if (own === undefined) return undefined
    this.#add(own)
    return `read_${name}(${json}, ${path})`
  }

  #many(reader: string, type: TypeNode, json: string, path: string): string | undefined {
    const inner = this.#expression(type, 'json', 'path')
    if (inner === undefined) return undefined
    const name = this.#nameOf(type)
    return `${reader}<${name}>(${json}, ${path}, (json: Json, path: string): ${name} => ${inner})`
  }

  #nameOf(type: TypeNode): string {
    const values = type.typeArguments ?? []
    const own = type.name?.identifier.text ?? ''
    const name = values.length === 0 ? own : `${own}<${values.map((value) => this.#nameOf(value)).join(', ')}>`
    return type.isNullable ? `${name} | null` : name
  }
}

// The decorators of a filter: the compiler passes over those that it does not know, so a misspelt one would do nothing.
import { isClass, isCustom, isField, isMethod, report, type ClassNode, type Decorator, type Member, type Parser, type Source } from './ast.ts'
import { closest } from './closest.ts'

/** Ours, and what each of them is for. */
const places: Readonly<Record<string, string>> = {
  filter: 'a class',
  plugin: 'a class',
  config: 'a class',
  required: 'a field of the class marked @config',
  buffer: 'onRequestBody or onResponseBody',
  inspect: 'onRequestBody or onResponseBody',
}
const bodyCallbacks: readonly string[] = ['onRequestBody', 'onResponseBody']

/** Reports decorators that nobody knows, and ours where they mean nothing. */
export function checkDecorators(parser: Parser, sources: readonly Source[]): void {
  for (const { statements } of sources) {
    for (const statement of statements) {
      checkAll(parser, statement as Partial<ClassNode>, isClass(statement) ? 'a class' : '')
      if (isClass(statement)) for (const member of statement.members) checkAll(parser, member, placeOf(member))
    }
  }
}

/** @param place what kind of thing they stand at */
function checkAll(parser: Parser, { decorators }: { readonly decorators?: readonly Decorator[] | null }, place: string): void {
  for (const decorator of decorators ?? []) {
    if (!isCustom(decorator)) continue
    const { text } = decorator.name
    const wanted = text !== undefined && Object.hasOwn(places, text) ? places[text] : undefined
    if (wanted === undefined) report(parser, decorator.range, unknown(text))
    else if (wanted !== place) report(parser, decorator.range, `@${text} stands at ${wanted}`)
  }
}

function placeOf(member: Member): string {
  if (isField(member)) return places['required'] as string
  return isMethod(member) && bodyCallbacks.includes(member.name.text) ? (places['buffer'] as string) : ''
}

function unknown(text: string | undefined): string {
  const known = Object.keys(places)
  const meant = text === undefined ? undefined : closest(text, known)
  return `there is no decorator "@${text ?? '…'}"${meant === undefined ? `: there are ${known.map((one) => `@${one}`).join(', ')}` : `: did you mean "@${meant}"?`}`
}

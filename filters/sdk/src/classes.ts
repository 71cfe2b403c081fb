// The classes of a filter's sources, and what they and their bases have.
import { hasDecorator, isClass, isField, isMethod, isPublic, type ClassNode, type Member, type Source } from './ast.ts'

export interface UserClass {
  readonly node: ClassNode
  readonly source: Source
}

export class Classes {
  readonly #all: readonly UserClass[]

  constructor(sources: readonly Source[]) {
    this.#all = sources.flatMap((source) => source.statements.filter(isClass).map((node) => ({ node, source })))
  }

  /** Those with a decorator. */
  marked(decorator: string): UserClass[] {
    return this.#all.filter(({ node }) => hasDecorator(node, decorator))
  }

  find(name: string): UserClass | undefined {
    return this.#all.find(({ node }) => node.name.text === name)
  }

  /** The class and its bases, as far as they are the user's. */
  lineage(own: UserClass): UserClass[] {
    const found = [own]
    for (let base = this.#baseOf(own); base !== undefined && !found.includes(base); base = this.#baseOf(base)) found.push(base)
    return found
  }

  /** The name of the first base that is not the user's; undefined: there is none. */
  foreignBase(own: UserClass): string | undefined {
    return this.lineage(own).at(-1)?.node.extendsType?.name?.identifier.text
  }

  /** The methods of the class and its bases; of those with the same name the nearest. */
  methods(own: UserClass): Map<string, Member> {
    return this.#members(own, isMethod)
  }

  /** Public fields, likewise. */
  fields(own: UserClass): Map<string, Member> {
    return this.#members(own, (member) => isField(member) && isPublic(member))
  }

  #members(own: UserClass, wanted: (member: Member) => boolean): Map<string, Member> {
    const members = new Map<string, Member>()
    for (const { node } of this.lineage(own)) {
      for (const member of node.members) {
        if (wanted(member) && !members.has(member.name.text)) members.set(member.name.text, member)
      }
    }
    return members
  }

  #baseOf({ node }: UserClass): UserClass | undefined {
    const name = node.extendsType?.name?.identifier.text
    return name === undefined ? undefined : this.find(name)
  }
}

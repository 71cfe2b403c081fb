// The part of the compiler's syntax tree that the transform reads, and the compiler's own makers of it.
import * as assemblyscript from 'assemblyscript'

/** What we use of the compiler; its own types are const enums, which erasing types does not survive. */
interface Toolkit {
  readonly NodeKind: Readonly<Record<'ClassDeclaration' | 'MethodDeclaration' | 'FieldDeclaration' | 'Expression' | 'Call' | 'PropertyAccess' | 'Identifier', number>>
  readonly CommonFlags: { readonly Export: number; readonly Static: number; readonly Private: number; readonly Protected: number }
  readonly DecoratorKind: { readonly Custom: number }
  readonly DiagnosticCode: { readonly User_defined_0: number }
  readonly DiagnosticCategory: { readonly Error: number }
  readonly DiagnosticMessage: { create(code: number, category: number, text: string): { withRange(range: Range): unknown } }
  readonly Node: {
    createIdentifierExpression(text: string, range: Range): SyntaxNode
    createPropertyAccessExpression(object: SyntaxNode, property: SyntaxNode, range: Range): SyntaxNode
    createCallExpression(callee: SyntaxNode, typeArguments: null, values: readonly SyntaxNode[], range: Range): SyntaxNode
    createIfStatement(condition: SyntaxNode, then: SyntaxNode, otherwise: null, range: Range): SyntaxNode
  }
}

const { CommonFlags, DecoratorKind, DiagnosticCategory, DiagnosticCode, DiagnosticMessage, Node, NodeKind } = assemblyscript as unknown as Toolkit

export interface Range {
  readonly start: number
  readonly end: number
  readonly source: Source
}

export interface SyntaxNode {
  readonly kind: number
  readonly range: Range
}

export interface Named {
  readonly text: string
  readonly range: Range
}

export interface Decorator {
  readonly decoratorKind: number
  /** A name of several words has no text. */
  readonly name: { readonly text?: string; readonly range: Range }
  readonly range: Range
}

export interface TypeNode extends SyntaxNode {
  readonly name?: { readonly identifier: Named }
  readonly typeArguments?: readonly TypeNode[] | null
  readonly isNullable: boolean
}

export interface Member extends SyntaxNode {
  readonly name: Named
  readonly flags: number
  readonly type?: TypeNode | null
  readonly decorators?: readonly Decorator[] | null
}

export interface ClassNode extends SyntaxNode {
  readonly name: Named
  readonly flags: number
  readonly decorators?: readonly Decorator[] | null
  readonly extendsType?: TypeNode | null
  readonly members: readonly Member[]
}

export interface Source {
  readonly sourceKind: number
  /** Without extension; unique. */
  readonly internalPath: string
  readonly normalizedPath: string
  readonly text: string
  readonly statements: SyntaxNode[]
  readonly range: Range
}

export interface Parser {
  readonly sources: readonly Source[]
  readonly diagnostics: unknown[]
  parseFile(text: string, path: string, isEntry: boolean): void
}

/** Sources of the user; the others are libraries. */
export function userSources(parser: Parser): Source[] {
  return parser.sources.filter((source) => source.sourceKind < 2 && !source.internalPath.startsWith('~'))
}

export function isClass(node: SyntaxNode): node is ClassNode {
  return node.kind === NodeKind.ClassDeclaration
}

export function isMethod(member: Member): boolean {
  return member.kind === NodeKind.MethodDeclaration
}

export function isField(member: Member): boolean {
  return member.kind === NodeKind.FieldDeclaration && !isStatic(member)
}

export function isStatic(member: Member): boolean {
  return (member.flags & CommonFlags.Static) !== 0
}

export function isPublic(member: Member): boolean {
  return (member.flags & (CommonFlags.Private | CommonFlags.Protected)) === 0
}

export function isExported(node: { readonly flags: number }): boolean {
  return (node.flags & CommonFlags.Export) !== 0
}

export function hasDecorator(node: { readonly decorators?: readonly Decorator[] | null }, name: string): boolean {
  return node.decorators?.some((decorator) => decorator.name.text === name) ?? false
}

/** Whether the compiler itself does not know it. */
export function isCustom({ decoratorKind }: Decorator): boolean {
  return decoratorKind === DecoratorKind.Custom
}

/** Reports a mistake of the user as the compiler reports its own. */
export function report(parser: Parser, range: Range, message: string): void {
  const diagnostic = DiagnosticMessage.create(DiagnosticCode.User_defined_0, DiagnosticCategory.Error, message)
  parser.diagnostics.push(diagnostic.withRange(range))
}

/** `if (object.method()) statement`. */
export function onlyIf(object: string, method: string, statement: SyntaxNode): SyntaxNode {
  const { range } = statement
  const callee = Node.createPropertyAccessExpression(Node.createIdentifierExpression(object, range), Node.createIdentifierExpression(method, range), range)
  return Node.createIfStatement(Node.createCallExpression(callee, null, [], range), statement, null, range)
}

interface Call extends SyntaxNode {
  readonly expression: SyntaxNode & { readonly property?: Named; readonly expression?: SyntaxNode & { readonly text?: string } }
}

/** The method of a statement `object.method(…)`; undefined for every other. */
export function methodCalled(node: SyntaxNode, object: string): string | undefined {
  if (node.kind !== NodeKind.Expression) return undefined
  const { expression: call } = node as unknown as { readonly expression: Call }
  if (call.kind !== NodeKind.Call || call.expression.kind !== NodeKind.PropertyAccess) return undefined
  const { expression: target, property } = call.expression
  return target?.kind === NodeKind.Identifier && target.text === object ? property?.text : undefined
}

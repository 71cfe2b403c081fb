// What a key may be in a configuration: the schema that plugins share.
import { Type, type TSchema } from 'typebox'

export interface KeySchemaOptions {
  /** Parts that are a word. Default `route` and `address`, those of `keyPart`. */
  readonly words?: readonly string[]
}

/** The JSON Schema of a list of 1 to 8 parts of a key, to be a property of a plugin's own options; such a key is no secret. A name has 1 to 200 characters. @param description for people; says the default */
export function keySchema(description: string, { words = ['route', 'address'] }: KeySchemaOptions = {}): TSchema {
  const part = Type.Union([
    Type.Enum([...words]),
    named('header', 'The value of a request header.'),
    named('cookie', 'The value of a cookie.'),
    named('query', 'The value of a query parameter.'),
  ])
  return Type.Array(part, { minItems: 1, maxItems: 8, description, writeOnly: false })
}

function named(kind: string, description: string): TSchema {
  return Type.Object({ [kind]: Type.String({ minLength: 1, maxLength: 200 }) }, { additionalProperties: false, description })
}

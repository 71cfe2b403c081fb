// Everything that can be wrong with a configuration file: one table of codes, and what a finding is made of.

/** How bad it is: an `error` keeps the mesh from starting, a `warning` does not. */
export type ProblemLevel = 'error' | 'warning'

/** What the table knows of one code. */
export interface ProblemKind {
  readonly level: ProblemLevel
  /** What is wrong, in a few words that fit every finding of this code. */
  readonly title: string
  /** What to do about it. */
  readonly remedy: string
}

/**
 * The table. 10xx: the file itself; 11xx: its shape; 12xx: names and plugins; 13xx: its meaning; 15xx: warnings.
 * A code never changes its meaning. `cli/docs/problems.md` lists the same codes; a test keeps them equal.
 */
export const problemKinds = {
  MW1001: { level: 'error', title: 'The file cannot be read', remedy: 'Check the path and the permissions.' },
  MW1002: { level: 'error', title: 'The file is too large', remedy: 'A configuration file may have 10 MB. Split off what is generated, or discover endpoints instead of listing them.' },
  MW1003: { level: 'error', title: 'The file is not valid YAML or JSON', remedy: 'Correct the syntax at the position shown. Indent with spaces, not tabs.' },
  MW1004: { level: 'error', title: 'A key is written twice', remedy: 'Keep one of the two; which one would win is not defined by YAML.' },
  MW1005: { level: 'error', title: 'Aliases or nesting grow too far', remedy: 'Up to 100 uses of aliases and 64 levels are read, and nothing may contain itself.' },
  MW1006: { level: 'error', title: 'The module cannot be loaded', remedy: 'Correct the error shown; the module must export the configuration as its default, made with defineConfig.' },
  MW1007: { level: 'error', title: 'The kind of file is unknown', remedy: 'Use .yaml, .yml, .json, .ts, .mts, .js or .mjs.' },
  MW1008: { level: 'error', title: 'The file says nothing', remedy: 'Begin with the output of `meshwright init`.' },
  MW1101: { level: 'error', title: 'Unknown key', remedy: 'Correct the spelling, or remove the key.' },
  MW1102: { level: 'error', title: 'A key is missing', remedy: 'Add it.' },
  MW1103: { level: 'error', title: 'Wrong type', remedy: 'Write the type that is asked for; numbers that are meant as text need quotes.' },
  MW1104: { level: 'error', title: 'Out of range', remedy: 'Stay inside the limits shown.' },
  MW1105: { level: 'error', title: 'Not one of the allowed values', remedy: 'Choose one of those listed.' },
  MW1106: { level: 'error', title: 'Wrong form', remedy: 'Write the value in the form shown.' },
  MW1201: { level: 'error', title: 'No plugin provides this name', remedy: 'Correct the spelling, or add the package that provides it to `plugins`.' },
  MW1202: { level: 'error', title: 'A plugin cannot be loaded', remedy: 'Install the package beside the configuration file, or correct its name.' },
  MW1203: { level: 'error', title: 'A name needs options', remedy: 'Write it as a map: the name, and below it the options.' },
  MW1204: { level: 'error', title: 'A value cannot cross threads', remedy: 'Use the name of the answer instead of the value, or set workers to 0.' },
  MW1205: { level: 'error', title: 'The options schema of a plugin is not valid', remedy: 'Report it to the author of the plugin.' },
  MW1301: { level: 'error', title: 'A route names a service that does not exist', remedy: 'Correct the name, or define the service.' },
  MW1302: { level: 'error', title: 'Two listeners have the same name', remedy: 'Give each its own.' },
  MW1303: { level: 'error', title: 'An address is used twice', remedy: 'Give each listener, and the admin API, its own address.' },
  MW1304: { level: 'error', title: 'A route needs exactly one of to, redirect and reply', remedy: 'Keep one.' },
  MW1305: { level: 'error', title: 'The regular expression is not valid', remedy: 'Correct it; it must match the whole text.' },
  MW1306: { level: 'error', title: 'The host is not valid', remedy: 'Write a name such as shop.example, or *.shop.example for all names below it.' },
  MW1307: { level: 'error', title: 'The range of addresses is not valid', remedy: 'Write an address, or a range such as 10.0.0.0/8.' },
  MW1308: { level: 'error', title: 'The address is not valid', remedy: 'Write host:port, with brackets around IPv6: [::1]:8080.' },
  MW1309: { level: 'error', title: 'The weights of a route add up to 0', remedy: 'Give at least one service a weight above 0.' },
  MW1310: { level: 'error', title: 'A service has no endpoints', remedy: 'Add endpoints, or a discovery that finds them.' },
  MW1311: { level: 'error', title: 'A service has both endpoints and discovery', remedy: 'Keep one; endpoints is short for discovery: static.' },
  MW1312: { level: 'error', title: 'There is no listener', remedy: 'Add one; without it no request can arrive.' },
  MW1313: { level: 'error', title: 'Two endpoints of a service are the same', remedy: 'Remove one, and give the other more weight.' },
  MW1314: { level: 'error', title: 'A path of a route is not valid', remedy: 'Begin it with a slash, and leave out the query.' },
  MW1315: { level: 'error', title: 'A header or method name is not valid', remedy: 'Use the characters of an HTTP token: letters, digits and - _ . ! # $ % & * + ^ ` | ~' },
  MW1316: { level: 'error', title: 'A listener has TLS options and no identity', remedy: 'Give it an identity with key and certificate, or remove what is about TLS.' },
  MW1399: { level: 'error', title: 'The mesh refuses the configuration', remedy: 'Correct what the message names.' },
  MW1501: { level: 'warning', title: 'A route can never be reached', remedy: 'Remove it, or make it more specific than the one that takes its requests.' },
  MW1502: { level: 'warning', title: 'No route goes to a service', remedy: 'Remove the service, or add a route.' },
  MW1503: { level: 'warning', title: 'A timeout is longer than the whole request may take', remedy: 'Make the part shorter, or the whole longer.' },
  MW1504: { level: 'warning', title: 'There is no route', remedy: 'Add one; until then every request is answered with 404.' },
  MW1505: { level: 'warning', title: 'What tells the endpoints of a service is not there', remedy: 'Correct the path, or the file; until then the service has no endpoints.' },
} as const

/** A stable name of a kind of mistake. */
export type ProblemCode = keyof typeof problemKinds

/** What the table says of a code. */
export function problemKind(code: ProblemCode): ProblemKind {
  return problemKinds[code]
}

/** Where something stands in a file, counted from 1. */
export interface Position {
  readonly line: number
  readonly column: number
  /** Column after its last character on the same line. */
  readonly endColumn: number
  /** The whole line, for the caret below it. */
  readonly text: string
}

/** From the root of the file to a value: keys, and list indexes counted from 0. */
export type ValuePath = readonly (string | number)[]

/** Another place that explains a problem. */
export interface Related {
  /** What stands there: `also here`, `services defined: users`. */
  readonly message: string
  readonly file: string
  readonly position?: Position
}

/** One mistake. */
export interface Problem {
  readonly code: ProblemCode
  readonly level: ProblemLevel
  readonly message: string
  /** As the user named it. */
  readonly file: string
  /** Absent where the file has no positions: a module, or a file that cannot be read. */
  readonly position?: Position
  readonly path: ValuePath
  /** The path for people: `routes › 2 › to`; list elements counted from 1. */
  readonly where: string
  readonly related: readonly Related[]
}

/** Whether any of them keeps the mesh from starting. */
export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.level === 'error')
}

/** Sorts by place in the file, errors before warnings at the same place. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => {
    const byLine = (a.position?.line ?? 0) - (b.position?.line ?? 0)
    const byColumn = (a.position?.column ?? 0) - (b.position?.column ?? 0)
    return byLine || byColumn || a.level.localeCompare(b.level) || a.code.localeCompare(b.code)
  })
}

// Which language a module was written in, as far as it can be seen.

/** A line of the section in which compilers say who they are. */
export interface Producer {
  /** `language`, `processed-by`, `sdk`. */
  readonly field: string
  readonly name: string
  readonly version: string
}

export interface LanguageGuess {
  /** Undefined: nothing gives it away. */
  readonly name: string | undefined
  /** What it was made with, as the module says it: `rustc 1.85.0`. */
  readonly tools: readonly string[]
  /** How it was found. */
  readonly by: 'producers' | 'traces' | undefined
}

export interface Traces {
  readonly producers: readonly Producer[]
  readonly exports: readonly string[]
  readonly imports: readonly { readonly module: string; readonly name: string }[]
  readonly customSections: readonly { readonly name: string }[]
}

export function guessLanguage({ producers, exports, imports, customSections }: Traces): LanguageGuess {
  const tools = producers.filter(({ field }) => field !== 'language').map(({ name, version }) => `${name} ${version}`.trim())
  const said = producers.filter(({ field }) => field === 'language').map(({ name, version }) => `${name} ${version}`.trim())
  // Modules of Rust and Zig are linked with a library in C.
  const main = said.find((name) => !/^C\d*/.test(name)) ?? said[0]
  if (main !== undefined) return { name: toolName(main, tools), tools, by: 'producers' }
  const traced = traces.find(({ shows }) => shows({ producers, exports, imports, customSections }))?.name
  return { name: traced ?? (tools.some((tool) => tool.includes('clang')) ? 'C or C++' : undefined), tools, by: traced === undefined && tools.length === 0 ? undefined : 'traces' }
}

function toolName(language: string, tools: readonly string[]): string {
  if (tools.some((tool) => /tinygo/i.test(tool))) return 'Go (TinyGo)'
  return language.replace('C_plus_plus', 'C++')
}

const traces: readonly { readonly name: string; readonly shows: (traces: Traces) => boolean }[] = [
  { name: 'AssemblyScript', shows: ({ exports, imports, customSections }) => imports.some(({ module, name }) => module === 'env' && name === 'abort') || exports.includes('__new') || customSections.some(({ name }) => name === 'sourceMappingURL') },
  { name: 'Go', shows: ({ exports, customSections }) => exports.includes('go_scheduler') || exports.includes('asyncify_start_unwind') || customSections.some(({ name }) => name.startsWith('go:') || name === 'go.buildid') },
  { name: 'C++', shows: ({ exports, imports }) => exports.includes('__cxa_demangle') || imports.some(({ name }) => name === 'emscripten_notify_memory_growth') },
  { name: 'Rust', shows: ({ exports }) => exports.includes('__rustc_debug_gdb_scripts_section__') || exports.includes('rust_eh_personality') },
  { name: 'AssemblyScript', shows: ({ exports, producers }) => producers.length === 0 && exports.includes('_initialize') && exports.includes('proxy_on_memory_allocate') && !exports.includes('malloc') },
]

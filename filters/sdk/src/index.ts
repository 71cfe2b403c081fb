// The door: the compiler of filters, for whoever builds, watches or tests them.
export type { Compiled, CompileOptions } from './compile.ts'
export { formatDiagnostic, type Diagnostic } from './diagnostic.ts'
export { compileFilter, FilterCompiler } from './filter-compiler.ts'

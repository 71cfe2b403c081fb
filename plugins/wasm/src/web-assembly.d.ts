// The part of the WebAssembly interface that is used here; the types of Node do not have it, and those of browsers bring too much.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>)
    static exports(module: Module): { readonly name: string; readonly kind: string }[]
    static imports(module: Module): { readonly module: string; readonly name: string; readonly kind: string }[]
  }
  class Instance {
    constructor(module: Module, imports?: Imports)
    readonly exports: Readonly<Record<string, unknown>>
  }
  class Memory {
    constructor(limits: { readonly initial: number; readonly maximum?: number })
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
  class RuntimeError extends Error {}
  class Global {
    value: number
  }
  type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean
}

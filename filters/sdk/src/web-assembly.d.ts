// The part of WebAssembly's own interface that is used here: Node's types leave it to those of browsers.
declare namespace WebAssembly {
  interface ImportDescriptor {
    readonly module: string
    readonly name: string
    readonly kind: string
  }

  class Module {
    constructor(bytes: Uint8Array<ArrayBuffer>)
    static imports(module: Module): ImportDescriptor[]
    static exports(module: Module): { readonly name: string; readonly kind: string }[]
  }
}

// The decorators that the compiler of filters knows, for editors.

/** The class of which an object is made for each request, or for TCP for each connection. Exactly one in a module. */
declare function filter(target: Function): void
/** The class of which an object is made for each place in the configuration. */
declare function plugin(target: Function): void
/** The class that the configuration, JSON, is read into. Its fields' values are the defaults; classes of fields are read likewise. */
declare function config(target: Function): void
/** A field that the configuration must have. */
declare function required(target: Object, name: string): void
/** On `onRequestBody` or `onResponseBody`: called once, with the whole body. */
declare function buffer(target: Object, name: string, descriptor: Object): void
/** On `onRequestBody` or `onResponseBody`: the body is only looked at; its length stays known. */
declare function inspect(target: Object, name: string, descriptor: Object): void

/** Makes a managed object; the compiler's own. */
declare function __new(size: usize, id: u32): usize

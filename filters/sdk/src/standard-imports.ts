// Which imports a filter may have: what proxy-wasm 0.2.1 and its hosts' WASI offer, so that it runs on all of them.
import type { Diagnostic } from './diagnostic.ts'

/** Node's types leave WebAssembly to those of browsers. */
interface Engine {
  readonly Module: { new (bytes: Uint8Array<ArrayBuffer>): object; imports(module: object): readonly { readonly module: string; readonly name: string }[] }
}

const { Module } = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly

const proxyWasm: ReadonlySet<string> = new Set([
  'proxy_log',
  'proxy_get_log_level',
  'proxy_get_current_time_nanoseconds',
  'proxy_set_tick_period_milliseconds',
  'proxy_get_buffer_bytes',
  'proxy_get_buffer_status',
  'proxy_set_buffer_bytes',
  'proxy_get_header_map_size',
  'proxy_get_header_map_pairs',
  'proxy_set_header_map_pairs',
  'proxy_get_header_map_value',
  'proxy_add_header_map_value',
  'proxy_replace_header_map_value',
  'proxy_remove_header_map_value',
  'proxy_continue_stream',
  'proxy_close_stream',
  'proxy_get_status',
  'proxy_send_local_response',
  'proxy_http_call',
  'proxy_grpc_call',
  'proxy_grpc_stream',
  'proxy_grpc_send',
  'proxy_grpc_cancel',
  'proxy_grpc_close',
  'proxy_set_shared_data',
  'proxy_get_shared_data',
  'proxy_register_shared_queue',
  'proxy_resolve_shared_queue',
  'proxy_enqueue_shared_queue',
  'proxy_dequeue_shared_queue',
  'proxy_define_metric',
  'proxy_increment_metric',
  'proxy_record_metric',
  'proxy_get_metric',
  'proxy_get_property',
  'proxy_set_property',
  'proxy_call_foreign_function',
  'proxy_set_effective_context',
  'proxy_done',
])
const wasi: ReadonlySet<string> = new Set(['random_get', 'clock_time_get', 'fd_write', 'environ_get', 'environ_sizes_get', 'proc_exit'])

/** What to use in place of what the compiler's library imports. */
const instead: Readonly<Record<string, string>> = { 'Date.now': 'nowMs()', 'console.log': 'log.info()', trace: 'log.debug()' }

/**
 * One error for each import that hosts of proxy-wasm do not have.
 * @param texts the user's sources by file, looked at for its name
 */
export function foreignImports(bytes: Uint8Array<ArrayBuffer>, texts: () => readonly (readonly [file: string, text: string])[]): Diagnostic[] {
  return Module.imports(new Module(bytes))
    .filter(({ module, name }) => !((module === 'env' && proxyWasm.has(name)) || (module === 'wasi_snapshot_preview1' && wasi.has(name))))
    .map(({ module, name }) => {
      const better = instead[name]
      const message = `the filter imports ${module}.${name}, which hosts of proxy-wasm do not have${better === undefined ? '' : `: use ${better} of the SDK`}`
      return { code: 'MW2', severity: 'error', message, ...placeOf(name, texts()) }
    })
}

/** Where a source has the name first, as a word that is not behind a comment's beginning: an import itself has no place. */
function placeOf(name: string, texts: readonly (readonly [file: string, text: string])[]): Pick<Diagnostic, 'file' | 'line' | 'column' | 'length' | 'source'> {
  for (const [file, text] of texts) {
    for (const [index, source] of text.split(/\r?\n/).entries()) {
      const at = ` ${source.replace(/\/\/.*|^\s*\*.*/, '')} `.search(new RegExp(`[^\\w.]${name.replaceAll(/\W/g, '\\$&')}\\W`))
      if (at >= 0) return { file, line: index + 1, column: at + 1, length: name.length, source }
    }
  }
  return { file: undefined, line: 0, column: 0, length: 0, source: '' }
}

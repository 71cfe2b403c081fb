// Guests written in WebAssembly text: the raw ABI, with as little around it as can be.
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import wabt from 'wabt'

const tools = await wabt()
const features = { exceptions: true, simd: true, threads: true, tail_call: true, bulk_memory: true, reference_types: true, multi_value: true, sat_float_to_int: true, sign_extension: true, mutable_globals: true }

/** A module from its text. */
export function wat(text: string): Uint8Array<ArrayBuffer> {
  const parsed = tools.parseWat('guest.wat', text, features)
  const { buffer } = parsed.toBinary({})
  parsed.destroy()
  return new Uint8Array(buffer)
}

/** Parameters of the host functions; all of them answer an i32 unless `results` says otherwise. */
const parameters: Readonly<Record<string, number>> = {
  proxy_log: 3,
  proxy_get_log_level: 1,
  proxy_get_current_time_nanoseconds: 1,
  proxy_set_tick_period_milliseconds: 1,
  proxy_get_buffer_bytes: 5,
  proxy_get_buffer_status: 3,
  proxy_set_buffer_bytes: 5,
  proxy_get_header_map_size: 2,
  proxy_get_header_map_pairs: 3,
  proxy_set_header_map_pairs: 3,
  proxy_get_header_map_value: 5,
  proxy_add_header_map_value: 5,
  proxy_replace_header_map_value: 5,
  proxy_remove_header_map_value: 3,
  proxy_continue_stream: 1,
  proxy_close_stream: 1,
  proxy_get_status: 3,
  proxy_send_local_response: 8,
  proxy_http_call: 10,
  proxy_grpc_call: 12,
  proxy_set_shared_data: 5,
  proxy_get_shared_data: 5,
  proxy_register_shared_queue: 3,
  proxy_resolve_shared_queue: 5,
  proxy_enqueue_shared_queue: 3,
  proxy_dequeue_shared_queue: 3,
  proxy_define_metric: 4,
  proxy_get_metric: 2,
  proxy_get_property: 4,
  proxy_set_property: 4,
  proxy_call_foreign_function: 6,
  proxy_set_effective_context: 1,
  proxy_done: 0,
  proxy_clear_route_cache: 0,
}

/** Where texts begin in the memory, behind what guests use as they like. */
const textsAt = 1_024

/** Writes texts into the memory of a guest and answers what refers to them. */
export type Text = (text: string) => string

export interface GuestOptions {
  /** Default `0_2_1`. */
  readonly abi?: string
  /** Declarations of further imports, in text. */
  readonly imports?: string
}

/**
 * A guest with a memory of two pages, a `malloc` and the marker of its ABI. Imports are found by their use: `call $proxy_log`.
 * @param build answers functions in text; `text('abc')` is address and length of a text
 */
export function guest(build: (text: Text) => string, { abi = '0_2_1', imports = '' }: GuestOptions = {}): Uint8Array<ArrayBuffer> {
  let at = textsAt
  const data: string[] = []
  const known = new Map<string, string>()
  const text: Text = (words) => {
    let reference = known.get(words)
    if (reference === undefined) {
      const bytes = Buffer.from(words, 'latin1')
      data.push(`(data (i32.const ${at}) "${[...bytes].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}")`)
      reference = `(i32.const ${at}) (i32.const ${bytes.length})`
      known.set(words, reference)
      at += bytes.length
    }
    return reference
  }
  const functions = build(text)
  const used = Object.keys(parameters).filter((name) => functions.includes(`$${name} `) || functions.includes(`$${name}\n`) || functions.includes(`$${name})`))
  const declared = used.map((name) => `(import "env" "${name}" (func $${name} (param ${'i32 '.repeat(parameters[name] as number)}) (result i32)))`)
  return wat(`(module
    ${declared.join('\n')}
    ${imports}
    (memory (export "memory") 2)
    (global $free (mut i32) (i32.const 65536))
    ${data.join('\n')}
    (func (export "proxy_abi_version_${abi}"))
    (func (export "malloc") (param i32) (result i32) (local i32)
      (local.set 1 (global.get $free))
      (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get 0) (i32.const 7)) (i32.const -8))))
      (if (i32.gt_u (global.get $free) (i32.const 131072)) (then (global.set $free (i32.const 65536)) (local.set 1 (i32.const 65536))))
      (local.get 1))
    ${functions})`)
}

/** A file with a module in it, for as long as the test runs. */
export function moduleFile(bytes: Uint8Array): { path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'meshwright-wasm-'))
  const path = join(folder, 'guest.wasm')
  writeFileSync(path, bytes)
  return { path, remove: () => rmSync(folder, { recursive: true }) }
}

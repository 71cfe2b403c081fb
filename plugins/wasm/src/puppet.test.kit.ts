// A guest that does what a test tells it, call by call: the test writes its callbacks as generators.
import { Buffer } from 'node:buffer'
import { wat } from './guest.test.kit.ts'
import { provideForeignFunction } from './host/foreign-functions.ts'

/** Parameters of every host function, as letters: `i` for 32 bits, `I` for 64. */
export const hostFunctions: Readonly<Record<string, string>> = {
  proxy_log: 'iii',
  proxy_get_log_level: 'i',
  proxy_get_current_time_nanoseconds: 'i',
  proxy_set_tick_period_milliseconds: 'i',
  proxy_get_configuration: 'ii',
  proxy_get_buffer_bytes: 'iiiii',
  proxy_get_buffer_status: 'iii',
  proxy_set_buffer_bytes: 'iiiii',
  proxy_get_header_map_size: 'ii',
  proxy_get_header_map_pairs: 'iii',
  proxy_set_header_map_pairs: 'iii',
  proxy_get_header_map_value: 'iiiii',
  proxy_add_header_map_value: 'iiiii',
  proxy_replace_header_map_value: 'iiiii',
  proxy_remove_header_map_value: 'iii',
  proxy_continue_stream: 'i',
  proxy_close_stream: 'i',
  proxy_continue_request: '',
  proxy_continue_response: '',
  proxy_clear_route_cache: '',
  proxy_get_status: 'iii',
  proxy_send_local_response: 'iiiiiiii',
  proxy_http_call: 'iiiiiiiiii',
  proxy_grpc_call: 'iiiiiiiiiiii',
  proxy_grpc_stream: 'iiiiiiiii',
  proxy_grpc_send: 'iiii',
  proxy_grpc_cancel: 'i',
  proxy_grpc_close: 'i',
  proxy_set_shared_data: 'iiiii',
  proxy_get_shared_data: 'iiiii',
  proxy_register_shared_queue: 'iii',
  proxy_resolve_shared_queue: 'iiiii',
  proxy_enqueue_shared_queue: 'iii',
  proxy_dequeue_shared_queue: 'iii',
  proxy_define_metric: 'iiii',
  proxy_increment_metric: 'iI',
  proxy_record_metric: 'iI',
  proxy_get_metric: 'ii',
  proxy_get_property: 'iiii',
  proxy_set_property: 'iiii',
  proxy_call_foreign_function: 'iiiiii',
  proxy_set_effective_context: 'i',
  proxy_done: '',
  pthread_equal: 'ii',
}

/** The same of WASI. */
export const wasiFunctions: Readonly<Record<string, string>> = {
  fd_write: 'iiii',
  fd_fdstat_get: 'ii',
  fd_read: 'iiii',
  fd_close: 'i',
  fd_prestat_get: 'ii',
  clock_time_get: 'iIi',
  clock_res_get: 'ii',
  random_get: 'ii',
  environ_sizes_get: 'ii',
  environ_get: 'ii',
  args_sizes_get: 'ii',
  args_get: 'ii',
  poll_oneoff: 'iiii',
  sched_yield: '',
}

const all: readonly (readonly [name: string, signature: string, module: string])[] = [
  ...Object.entries(hostFunctions).map(([name, signature]) => [name, signature, 'env'] as const),
  ...Object.entries(wasiFunctions).map(([name, signature]) => [name, signature, 'wasi_snapshot_preview1'] as const),
]

/** A step of a script: a host function with its arguments, bytes to look at, bytes to write, or a trap. */
type Step = { readonly call: string; readonly parameters: readonly number[] } | { readonly peek: readonly [at: number, length: number] } | { readonly poke: readonly [at: number, bytes: Buffer] } | { readonly trap: true }
/** What a step answers: a status, or the bytes. */
type Answer = { readonly status: number; readonly bytes: Buffer }
export type Script<T = number | void> = Generator<Step, T, Answer>

/** Callbacks by their name without `proxy_`; what a callback returns is what the guest answers (default 0). */
export type Callbacks = Readonly<Record<string, (...parameters: number[]) => Script>>

const callbackParameters: Readonly<Record<string, number>> = {
  on_context_create: 2, on_vm_start: 2, on_configure: 2, validate_configuration: 2, on_tick: 1, on_request_headers: 3, on_request_body: 3, on_request_trailers: 2, on_response_headers: 3, on_response_body: 3,
  on_response_trailers: 2, on_http_call_response: 5, on_grpc_receive_initial_metadata: 3, on_grpc_receive: 3, on_grpc_receive_trailing_metadata: 3, on_grpc_close: 3, on_queue_ready: 2, on_done: 1, on_log: 1, on_delete: 1,
  on_new_connection: 1, on_downstream_data: 3, on_upstream_data: 3, on_downstream_connection_close: 2, on_upstream_connection_close: 2,
}
const withoutResult = new Set(['on_context_create', 'on_tick', 'on_http_call_response', 'on_grpc_receive_initial_metadata', 'on_grpc_receive', 'on_grpc_receive_trailing_metadata', 'on_grpc_close', 'on_queue_ready', 'on_log', 'on_delete', 'on_downstream_connection_close', 'on_upstream_connection_close'])

let puppets = 0
const done = -1
const peek = -2
const poke = -3
const trap = -4

/** Where a puppet keeps its own things: below 1024. Scripts have the memory from 2048 to 65535. */
const askAt = 512

export interface PuppetOptions {
  readonly abi?: string
  /** Default `malloc`. */
  readonly allocator?: 'malloc' | 'proxy_on_memory_allocate'
  /** Exported as these functions, without parameters: `_initialize`, `_start`, `main`. */
  readonly entries?: readonly string[]
}

/** A module whose callbacks are the scripts. Scripts of one puppet run in every VM that is made of it. */
export function puppet(callbacks: Callbacks, { abi = '0_2_1', allocator = 'malloc', entries = [] }: PuppetOptions = {}): Uint8Array<ArrayBuffer> {
  const name = `puppet-${++puppets}`
  const names = [...Object.keys(callbacks).filter((one) => !entries.includes(one)), ...entries]
  let running: Script | undefined
  provideForeignFunction(name, (argument) => {
    const status = argument.readInt32LE(24)
    let step: IteratorResult<Step, number | void>
    try {
      if (argument.readInt32LE(28) === 0) {
        running = (callbacks[names[argument.readInt32LE(0)] as string] as (...parameters: number[]) => Script)(...[4, 8, 12, 16, 20].map((at) => argument.readUInt32LE(at)))
        step = running.next()
      } else {
        step = (running as Script).next({ status, bytes: argument.subarray(32) })
      }
    } catch (thrown) {
      running = undefined
      throw thrown
    }
    return encode(step)
  })
  const nameBytes = Buffer.from(name)
  const types = all.map(([host, signature, module]) => `(import "${module}" "${host}" (func $${host} (param ${letters(signature)}) (result i32)))`)
  return wat(`(module ${types.join('\n')}
    (memory (export "memory") 4)
    (global $free (mut i32) (i32.const 65536))
    (data (i32.const 64) "${name}")
    (func (export "proxy_abi_version_${abi}"))
    (func (export "${allocator}") (param i32) (result i32) (local i32)
      (local.set 1 (global.get $free))
      (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get 0) (i32.const 7)) (i32.const -8))))
      (if (i32.gt_u (global.get $free) (i32.const 262144)) (then (global.set $free (i32.const 65536)) (local.set 1 (i32.const 65536))))
      (local.get 1))
    (func $step (param $op i32) (param $at i32) (result i32)
      ${all.map(([host, signature], i) => `(if (i32.eq (local.get $op) (i32.const ${i})) (then (return (call $${host} ${signature.split('').map((letter, at) => (letter === 'I' ? `(i64.load (i32.add (local.get $at) (i32.const ${at * 8})))` : `(i32.load (i32.add (local.get $at) (i32.const ${at * 8})))`)).join(' ')}))))`).join('\n')}
      (i32.const -1))
    (func $run (param i32 i32 i32 i32 i32 i32) (result i32) (local $result i32) (local $length i32)
      ${[0, 1, 2, 3, 4, 5].map((i) => `(i32.store (i32.const ${askAt + i * 4}) (local.get ${i}))`).join(' ')}
      (i32.store (i32.const ${askAt + 24}) (i32.const 0))
      (i32.store (i32.const ${askAt + 28}) (i32.const 0))
      (local.set $length (i32.const 32))
      (loop $next
        (if (call $proxy_call_foreign_function (i32.const 64) (i32.const ${nameBytes.length}) (i32.const ${askAt}) (local.get $length) (i32.const 600) (i32.const 604)) (then (unreachable)))
        (local.set $result (i32.load (i32.const 600)))
        (local.set $length (i32.const 32))
        (i32.store (i32.const ${askAt + 28}) (i32.const 1))
        (if (i32.eq (i32.load (local.get $result)) (i32.const ${done})) (then (return (i32.load offset=4 (local.get $result)))))
        (if (i32.eq (i32.load (local.get $result)) (i32.const ${trap})) (then (unreachable)))
        (if (i32.eq (i32.load (local.get $result)) (i32.const ${peek}))
          (then
            (memory.copy (i32.const ${askAt + 32}) (i32.load offset=8 (local.get $result)) (i32.load offset=16 (local.get $result)))
            (local.set $length (i32.add (i32.const 32) (i32.load offset=16 (local.get $result)))))
          (else (if (i32.eq (i32.load (local.get $result)) (i32.const ${poke}))
            (then (memory.copy (i32.load offset=8 (local.get $result)) (i32.add (local.get $result) (i32.const 24)) (i32.load offset=16 (local.get $result))))
            (else (i32.store (i32.const ${askAt + 24}) (call $step (i32.load (local.get $result)) (i32.add (local.get $result) (i32.const 8))))))))
        (br $next))
      (unreachable))
    ${names.map((one, i) => exported(one, i)).join('\n')})`)
}

function letters(signature: string): string {
  return signature.split('').map((letter) => (letter === 'I' ? 'i64' : 'i32')).join(' ')
}

function exported(name: string, index: number): string {
  const count = callbackParameters[name] ?? 0
  const given = Array.from({ length: 5 }, (_none, i) => (i < count ? `(local.get ${i})` : '(i32.const 0)')).join(' ')
  const call = `(call $run (i32.const ${index}) ${given})`
  const known = name in callbackParameters
  const isEmpty = !known || withoutResult.has(name)
  return `(func (export "${known ? `proxy_${name}` : name}") (param ${'i32 '.repeat(count)}) ${isEmpty ? '' : '(result i32)'} ${isEmpty ? `(drop ${call})` : call})`
}

function encode(step: IteratorResult<Step, number | void>): Buffer {
  if (step.done === true) {
    const bytes = Buffer.alloc(8)
    bytes.writeInt32LE(done)
    bytes.writeInt32LE(step.value ?? 0, 4)
    return bytes
  }
  const { value } = step
  if ('trap' in value) return words(trap)
  if ('peek' in value) return words(peek, ...value.peek)
  if ('poke' in value) return Buffer.concat([words(poke, value.poke[0], value.poke[1].byteLength), value.poke[1]])
  const index = all.findIndex(([name]) => name === value.call)
  if (index < 0) throw new Error(`no host function ${value.call}`)
  return words(index, ...value.parameters)
}

function words(op: number, ...parameters: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 + parameters.length * 8)
  bytes.writeInt32LE(op)
  parameters.forEach((parameter, i) => bytes.writeBigInt64LE(BigInt(Math.trunc(parameter)), 8 + i * 8))
  return bytes
}

// -- what scripts are made of; all to be called by `yield*`

/** Calls a host function; texts and bytes are written into the memory, and become address and length. */
export function* call(name: string, ...parameters: readonly (number | string | Uint8Array)[]): Script<number> {
  let at = 2_048
  const numbers: number[] = []
  for (const parameter of parameters) {
    if (typeof parameter === 'number') {
      numbers.push(parameter)
      continue
    }
    const bytes = typeof parameter === 'string' ? Buffer.from(parameter, 'latin1') : Buffer.from(parameter)
    if (bytes.byteLength > 0) yield { poke: [at, bytes] }
    numbers.push(at, bytes.byteLength)
    at += bytes.byteLength + 8
  }
  return (yield { call: name, parameters: numbers }).status
}

/** Where host functions put their results: three places of 8 bytes. */
export const out: readonly [number, number, number] = [1_000, 1_008, 1_016]

export function* read(at: number, length: number): Script<Buffer> {
  return Buffer.from((yield { peek: [at, length] }).bytes)
}

export function* u32(at: number): Script<number> {
  return (yield* read(at, 4)).readUInt32LE()
}

/** A trap. */
export function* die(): Script<never> {
  yield { trap: true }
  throw new Error('it lives')
}

/** Calls a host function whose last two parameters say where address and length go; answers the bytes, or the status if that is not 0. */
export function* bytesOf(name: string, ...parameters: readonly (number | string)[]): Script<Buffer | number> {
  const status = yield* call(name, ...parameters, out[0], out[1])
  if (status !== 0) return status
  const at = yield* u32(out[0])
  const length = yield* u32(out[1])
  return length === 0 ? Buffer.alloc(0) : yield* read(at, length)
}

export function* textOf(name: string, ...parameters: readonly (number | string)[]): Script<string | number> {
  const got = yield* bytesOf(name, ...parameters)
  return typeof got === 'number' ? got : got.toString('latin1')
}

export function header(map: number, name: string): Script<string | number> {
  return textOf('proxy_get_header_map_value', map, name)
}

export function add(map: number, name: string, value: string): Script<number> {
  return call('proxy_add_header_map_value', map, name, value)
}

export function set(map: number, name: string, value: string): Script<number> {
  return call('proxy_replace_header_map_value', map, name, value)
}

export function remove(map: number, name: string): Script<number> {
  return call('proxy_remove_header_map_value', map, name)
}

export function body(type: number, start = 0, most = -1): Script<string | number> {
  return textOf('proxy_get_buffer_bytes', type, start, most)
}

export function setBody(type: number, start: number, length: number, text: string): Script<number> {
  return call('proxy_set_buffer_bytes', type, start, length, text)
}

export function property(...path: readonly string[]): Script<Buffer | number> {
  return bytesOf('proxy_get_property', path.join('\0'))
}

export function reply(status: number, text = '', headers: readonly string[] = [], grpcStatus = -1): Script<number> {
  return call('proxy_send_local_response', status, '', text, pairs(headers), grpcStatus)
}

/** Calls a service; answers the status, the id is at `out[0]`. */
export function callService(service: string, headers: readonly string[], text = '', timeoutMs = 1_000): Script<number> {
  return call('proxy_http_call', service, pairs(headers), text, pairs([]), timeoutMs, out[0])
}

/** The encoding of maps, written independently of the host's. */
export function pairs(list: readonly string[]): Buffer {
  const texts = list.map((text) => Buffer.from(text, 'latin1'))
  const head = Buffer.alloc(4 + texts.length * 4)
  head.writeUInt32LE(texts.length / 2)
  texts.forEach(({ byteLength }, i) => head.writeUInt32LE(byteLength, 4 + i * 4))
  return Buffer.concat([head, ...texts.flatMap((text) => [text, Buffer.alloc(1)])])
}

/** Callbacks that only write down that they were called. */
export function noting(seen: unknown[], names: readonly string[], answers: Readonly<Record<string, number>> = {}): Callbacks {
  return Object.fromEntries(
    names.map((name) => [
      name,
      // oxlint-disable-next-line require-yield
      function* (...parameters: number[]): Script {
        seen.push([name.replace('on_', ''), ...parameters])
        return answers[name] ?? (name === 'on_vm_start' || name === 'on_configure' || name === 'on_done' ? 1 : 0)
      },
    ]),
  )
}

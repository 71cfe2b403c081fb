// A guest in WebAssembly text that does the steps it was made of and writes down, in its log, when it was called and what the host answered.
import { Buffer } from 'node:buffer'
import wabt from 'wabt'

const tools = await wabt()

/** Parameters of the host functions that recorders call: `i` for 32 bits, `I` for 64. Each answers a status. */
const signatures = {
  proxy_log: 'iii',
  proxy_get_log_level: 'i',
  proxy_set_tick_period_milliseconds: 'i',
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
  proxy_get_status: 'iii',
  proxy_send_local_response: 'iiiiiiii',
  proxy_http_call: 'iiiiiiiiii',
  proxy_grpc_call: 'iiiiiiiiiiii',
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
} as const
export type HostFunction = keyof typeof signatures

/** How callbacks are declared: how many parameters, and whether they answer something. */
const callbacks: Readonly<Record<string, readonly [parameters: number, answers: boolean]>> = {
  on_vm_start: [2, true],
  on_configure: [2, true],
  on_tick: [1, false],
  on_context_create: [2, false],
  on_request_headers: [3, true],
  on_request_body: [3, true],
  on_request_trailers: [2, true],
  on_response_headers: [3, true],
  on_response_body: [3, true],
  on_response_trailers: [2, true],
  on_new_connection: [1, true],
  on_downstream_data: [3, true],
  on_upstream_data: [3, true],
  on_downstream_connection_close: [2, false],
  on_upstream_connection_close: [2, false],
  on_http_call_response: [5, false],
  on_queue_ready: [2, false],
  on_done: [1, true],
  on_log: [1, false],
  on_delete: [1, false],
}

/** A number, a text or bytes (each two parameters: address and length), or something that the guest knows itself. */
export type Parameter = number | string | Uint8Array | { readonly wat: string }

/** The context of the stream that was begun last. */
export const stream: Parameter = { wat: '(global.get $stream)' }
/** What the last step has answered as a number. */
export const word: Parameter = { wat: '(i32.load (i32.const 16))' }

/** What a step writes down behind its status: bytes (address at 16, length at 20), a number of 32 bits at 16, one of 64 bits at 24, or nothing. */
type Gives = 'bytes' | 'word' | 'long' | 'nothing'

export interface Step {
  readonly label: string
  readonly wat: (place: (bytes: Uint8Array) => string) => string
}

/** One call of the host. @param label what stands in the record; unique in its callback */
export function step(label: string, name: HostFunction, parameters: readonly Parameter[], gives: Gives = 'nothing'): Step {
  const kinds = { nothing: 0, bytes: 1, word: 2, long: 3 } as const
  return {
    label,
    wat(place) {
      const out = { nothing: '', bytes: '(i32.const 16) (i32.const 20)', word: '(i32.const 16)', long: '(i32.const 24)' }[gives]
      const given = parameters.map((one, i) => parameterIn(one, place, signatures[name], parameters, i)).join(' ')
      // A number that a step before it has answered can be a parameter, so what was there goes only when it is replaced.
      const clear = gives === 'bytes' ? '(i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const 0))' : gives === 'long' ? '(i64.store (i32.const 24) (i64.const 0))' : ''
      return `${clear} (call $note ${place(Buffer.from(label))} (call $${name} ${given} ${out}) (i32.const ${kinds[gives]}))`
    },
  }
}

function parameterIn(one: Parameter, place: (bytes: Uint8Array) => string, signature: string, all: readonly Parameter[], index: number): string {
  if (typeof one === 'string') return place(Buffer.from(one, 'latin1'))
  if (one instanceof Uint8Array) return place(one)
  if (typeof one === 'object') return one.wat
  const at = all.slice(0, index).reduce<number>((sum, before) => sum + (typeof before === 'string' || before instanceof Uint8Array ? 2 : 1), 0)
  return signature[at] === 'I' ? `(i64.const ${one})` : `(i32.const ${one})`
}

/** A trap. */
export const trap: Step = { label: 'trap', wat: () => '(unreachable)' }

/** Steps for the last part of a body only. */
export function atEnd(...steps: readonly Step[]): Step {
  return when('(local.get 2)', ...steps)
}

/** Steps for some calls only. @param condition in WAT; the parameters of the callback are its locals */
export function when(condition: string, ...steps: readonly Step[]): Step {
  return { label: 'now and then', wat: (place) => `(if ${condition} (then ${steps.map((one) => one.wat(place)).join('\n')}))` }
}

/** A number, one for the last part of a body and one for those before it, or what the guest works out. */
export type Answer = number | { readonly more: number; readonly last: number } | { readonly wat: string }

/** What a callback does, and what it answers. */
export interface Act {
  readonly steps?: readonly Step[]
  readonly answer?: Answer
}

/**
 * @param acts by callback, without `proxy_`; those that are not named are not exported, but `on_log`, `on_done` and `on_delete` always are
 * @param abi as the marker says it; guests of 0_1_0 cannot import what came later
 */
export function recorder(acts: Readonly<Record<string, Act>>, abi = '0_2_1'): Uint8Array<ArrayBuffer> {
  let at = 8_192
  const data: string[] = []
  const place = (bytes: Uint8Array): string => {
    data.push(`(data (i32.const ${at}) "${[...bytes].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}")`)
    const reference = `(i32.const ${at}) (i32.const ${bytes.byteLength})`
    at += bytes.byteLength
    return reference
  }
  const all: Readonly<Record<string, Act>> = { on_context_create: {}, on_vm_start: {}, on_log: {}, on_done: { answer: 1 }, on_delete: {}, ...acts }
  const functions = Object.entries(all).map(([name, act]) => callback(name, act, place, abi))
  const needed = Object.entries(signatures).filter(([name]) => name === 'proxy_log' || functions.some((one) => one.includes(`(call $${name} `) || one.includes(`(call $${name})`)))
  const text = `(module
    ${needed.map(([name, signature]) => `(import "env" "${name}" (func $${name} (param ${signature.split('').map((letter) => (letter === 'I' ? 'i64' : 'i32')).join(' ')}) (result i32)))`).join('\n')}
    (memory (export "memory") 4)
    (global $free (mut i32) (i32.const 131072))
    (global $at (mut i32) (i32.const 0))
    (global $stream (mut i32) (i32.const 0))
    ${data.join('\n')}
    (func (export "proxy_abi_version_${abi}"))
    (func (export "malloc") (param i32) (result i32) (local i32)
      (local.set 1 (global.get $free))
      (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get 0) (i32.const 7)) (i32.const -8))))
      (if (i32.gt_u (global.get $free) (i32.const 262144)) (then (global.set $free (i32.const 131072)) (local.set 1 (i32.const 131072))))
      (local.get 1))
    ${writing}
    ${functions.join('\n')})`
  const parsed = tools.parseWat('recorder.wat', text, { bulk_memory: true })
  parsed.validate()
  const { buffer } = parsed.toBinary({})
  parsed.destroy()
  return new Uint8Array(buffer)
}

function callback(name: string, { steps = [], answer }: Act, place: (bytes: Uint8Array) => string, abi: string): string {
  const [known, answers] = callbacks[name] ?? [0, false]
  // The oldest ABI does not tell whether a head is all that there is.
  const endsHeads = abi !== '0_1_0'
  const parameters = !endsHeads && name.endsWith('_headers') ? 2 : known
  // The ids of contexts and the numbers of fields are the proxy's own affair; what a callback says of a body is not.
  const said = /_(?:body|data)$/.test(name) ? [1, 2] : name.endsWith('_close') ? [1] : name.endsWith('_headers') && endsHeads ? [2] : name === 'on_vm_start' || name === 'on_configure' ? [1] : []
  const numbers = said.map((i) => `(call $text ${place(Buffer.from(' '))}) (call $number (local.get ${i}))`).join(' ')
  const keeps = name === 'on_context_create' ? '(if (local.get 1) (then (global.set $stream (local.get 0))))' : ''
  const result = answerOf(name, answer)
  return `(func (export "proxy_${name}") (param ${'i32 '.repeat(parameters)}) ${answers ? '(result i32)' : ''}
    ${keeps} (call $begin) (call $text ${place(Buffer.from(name))}) ${numbers} (call $end)
    ${steps.map((one) => one.wat(place)).join('\n')}
    ${answers ? result : ''})`
}

function answerOf(name: string, answer: Answer = name === 'on_vm_start' || name === 'on_configure' ? 1 : 0): string {
  if (typeof answer === 'number') return `(i32.const ${answer})`
  return 'wat' in answer ? answer.wat : `(if (result i32) (local.get 2) (then (i32.const ${answer.last})) (else (i32.const ${answer.more})))`
}

/** A line is put together from address 65536 on. */
const writing = `
  (func $begin (global.set $at (i32.const 65536)) (call $char (i32.const 64)) (call $char (i32.const 64)))
  (func $char (param i32) (i32.store8 (global.get $at) (local.get 0)) (global.set $at (i32.add (global.get $at) (i32.const 1))))
  (func $text (param i32 i32) (memory.copy (global.get $at) (local.get 0) (local.get 1)) (global.set $at (i32.add (global.get $at) (local.get 1))))
  (func $number (param i32)
    (if (i32.ge_u (local.get 0) (i32.const 10)) (then (call $number (i32.div_u (local.get 0) (i32.const 10)))))
    (call $char (i32.add (i32.const 48) (i32.rem_u (local.get 0) (i32.const 10)))))
  (func $digit (param i32) (call $char (i32.add (local.get 0) (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get 0) (i32.const 10))))))
  (func $hex (param i32 i32)
    (if (i32.gt_u (local.get 1) (i32.const 8192)) (then (local.set 1 (i32.const 8192))))
    (block $over (loop $next
      (br_if $over (i32.eqz (local.get 1)))
      (call $digit (i32.shr_u (i32.load8_u (local.get 0)) (i32.const 4)))
      (call $digit (i32.and (i32.load8_u (local.get 0)) (i32.const 15)))
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (local.set 1 (i32.sub (local.get 1) (i32.const 1)))
      (br $next))))
  (func $end (drop (call $proxy_log (i32.const 2) (i32.const 65536) (i32.sub (global.get $at) (i32.const 65536)))))
  (func $note (param $text i32) (param $length i32) (param $status i32) (param $gives i32)
    (call $begin) (call $char (i32.const 58)) (call $text (local.get $text) (local.get $length))
    (call $char (i32.const 59)) (call $number (local.get $status))
    (if (i32.eqz (local.get $status)) (then
      (if (i32.eq (local.get $gives) (i32.const 1)) (then (call $char (i32.const 59)) (call $hex (i32.load (i32.const 16)) (i32.load (i32.const 20)))))
      (if (i32.eq (local.get $gives) (i32.const 2)) (then (call $char (i32.const 59)) (call $char (i32.const 35)) (call $number (i32.load (i32.const 16)))))
      (if (i32.eq (local.get $gives) (i32.const 3)) (then (call $char (i32.const 59)) (call $hex (i32.const 24) (i32.const 8))))))
    (call $end))`

// Short ways to say what a recorder does.
import { Buffer } from 'node:buffer'
import { step, word, type Parameter, type Step } from './recorder.ts'

/** The ABI's encoding of a map. */
export function pairs(list: readonly string[]): Buffer {
  const texts = list.map((text) => Buffer.from(text, 'latin1'))
  const head = Buffer.alloc(4 + texts.length * 4)
  head.writeUInt32LE(texts.length / 2)
  texts.forEach(({ byteLength }, i) => head.writeUInt32LE(byteLength, 4 + i * 4))
  return Buffer.concat([head, ...texts.flatMap((text) => [text, Buffer.alloc(1)])])
}

const maps = ['request', 'request trailers', 'response', 'response trailers', 'initial metadata', 'trailing metadata', 'call', 'call trailers']
const nameOf = (map: number): string => maps[map] ?? `map ${map}`

export const get = (map: number, name: string): Step => step(`get ${nameOf(map)} ${name}`, 'proxy_get_header_map_value', [map, name], 'bytes')
export const add = (map: number, name: string, value: string): Step => step(`add ${nameOf(map)} ${name}`, 'proxy_add_header_map_value', [map, name, value])
export const set = (map: number, name: string, value: string): Step => step(`set ${nameOf(map)} ${name}`, 'proxy_replace_header_map_value', [map, name, value])
export const remove = (map: number, name: string): Step => step(`remove ${nameOf(map)} ${name}`, 'proxy_remove_header_map_value', [map, name])
export const all = (map: number): Step => step(`all of ${nameOf(map)}`, 'proxy_get_header_map_pairs', [map], 'bytes')
export const setAll = (map: number, list: readonly string[]): Step => step(`set all of ${nameOf(map)}`, 'proxy_set_header_map_pairs', [map, pairs(list)])
export const mapSize = (map: number): Step => step(`size of ${nameOf(map)}`, 'proxy_get_header_map_size', [map], 'word')

export const bytes = (buffer: number, start = 0, most = -1): Step => step(`bytes of buffer ${buffer} from ${start}, ${most}`, 'proxy_get_buffer_bytes', [buffer, start, most], 'bytes')
export const bufferStatus = (buffer: number): Step => step(`status of buffer ${buffer}`, 'proxy_get_buffer_status', [buffer, 16, 20])
export const write = (buffer: number, start: number, length: number, text: string): Step => step(`write ${text} to buffer ${buffer} at ${start}, ${length}`, 'proxy_set_buffer_bytes', [buffer, start, length, text])

export const property = (...path: readonly string[]): Step => step(`property ${path.join('.')}`, 'proxy_get_property', [path.join('\0')], 'bytes')
export const setProperty = (path: readonly string[], value: string): Step => step(`set property ${path.join('.')}`, 'proxy_set_property', [path.join('\0'), value])

export const reply = (status: number, body = '', headers: readonly string[] = [], grpcStatus = -1, details = ''): Step =>
  step(`reply ${status}`, 'proxy_send_local_response', [status, details, body, pairs(headers), grpcStatus])
export const goOn = (type: number): Step => step(`continue ${type}`, 'proxy_continue_stream', [type])
export const close = (type: number): Step => step(`close ${type}`, 'proxy_close_stream', [type])
export const actFor = (context: Parameter): Step => step('act for a context', 'proxy_set_effective_context', [context])

/** The id of the call is no business of anybody: it is not written down. */
export const callOut = (label: string, service: string, headers: readonly string[], body = '', timeoutMs = 5_000, trailers: readonly string[] = []): Step =>
  step(label, 'proxy_http_call', [service, pairs(headers), body, pairs(trailers), timeoutMs, 4_000])

export const foreign = (name: string, argument: string | Uint8Array, label = `call ${name}`): Step => step(label, 'proxy_call_foreign_function', [name, argument], 'bytes')

/** A message of Protocol Buffers whose fields are shorter than 16384 bytes. */
export function message(fields: readonly (readonly [field: number, value: true | string | Uint8Array])[]): Buffer {
  return Buffer.concat(
    fields.map(([field, value]) => {
      if (value === true) return Buffer.from([field << 3, 1])
      const bytes = Buffer.from(value)
      return Buffer.concat([Buffer.from([(field << 3) | 2, (bytes.byteLength & 0x7f) | 0x80, bytes.byteLength >> 7]), bytes])
    }),
  )
}

/** Makes an expression, whose number is that of those before it, and works it out. */
export const expression = (number: number, text: string): readonly Step[] => [foreign('expr_create', text, `make ${text}`), foreign('expr_evaluate', Buffer.from(Uint32Array.of(number).buffer), `value of ${text}`)]

export { word }

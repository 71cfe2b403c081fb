// An outcome as lines that can be compared: what both proxies were free to do otherwise is left out of them.
import { Buffer } from 'node:buffer'
import { fieldsThatDiffer, valuesThatDiffer } from '../differences.ts'
import type { Answer } from './client.ts'
import type { Seen } from './endpoint.ts'
import type { Outcome } from './scenario.ts'

export function linesOf({ answers, seen, records }: Outcome): string[] {
  return [...answers.flatMap((answer, i) => answerLines(answer, `answer ${i}`)), ...seen.flatMap((one, i) => seenLines(one, `endpoint ${i}`)), ...recordLines(records)]
}

function answerLines({ status, fields, body, trailers, cut }: Answer, name: string): string[] {
  return [`${name}: ${status}${cut ? ', cut' : ''}`, ...kept(fields).map((field) => `${name} field ${field}`), `${name} body ${body}`, ...trailers.map((field) => `${name} trailer ${field}`)]
}

function seenLines({ method, target, fields, body, trailers }: Seen, name: string): string[] {
  return [`${name}: ${method} ${target}`, ...kept(fields).map((field) => `${name} field ${field}`), `${name} body ${body}`, ...trailers.map((field) => `${name} trailer ${field}`)]
}

function kept(fields: readonly string[]): string[] {
  return fields.filter((field) => !fieldsThatDiffer.has(field.slice(0, field.indexOf(': '))))
}

/** What guests have written down. A body comes in pieces as the wire has them: callbacks that only say so are one. */
export function recordLines(records: readonly string[]): string[] {
  const lines: string[] = []
  for (const record of lastStart(records)) {
    const line = record.startsWith('@@:') ? stepLine(record.slice(3)) : record.slice(2)
    const piece = /^(on_\w+_body) (\d+) (\d+)$/.exec(line)
    const before = /^(on_\w+_body) (\d+) 0$/.exec(lines.at(-1) ?? '')
    if (piece !== null && before !== null && piece[1] === before[1]) lines.splice(-1, 1, `${piece[1]} ${Number(before[2]) + Number(piece[2])} ${piece[3]}`)
    else lines.push(line)
  }
  return lines
}

/** Envoy starts a plugin several times, in threads of its own; the last one is the one that works. */
function lastStart(records: readonly string[]): readonly string[] {
  const started = records.findLastIndex((record) => record.startsWith('@@on_vm_start'))
  return records.slice(Math.max(0, started - 1))
}

function stepLine(record: string): string {
  const [label = '', status = '', value] = record.split(';')
  const line = `  ${label} = ${status}`
  if (value === undefined || status !== '0') return line
  if (valuesThatDiffer.has(label)) return `${line} ${value === '' ? 'nothing' : 'something'}`
  // A number of 32 bits, in decimal.
  if (value.startsWith('#')) return `${line} ${value.slice(1)}`
  const bytes = Buffer.from(value, 'hex')
  return `${line} ${label.startsWith('all of ') ? JSON.stringify(fieldsIn(bytes)) : shown(bytes)}`
}

/** Text as text, anything else in hex. */
function shown(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  return /^[\x20-\x7e]*$/.test(text) ? JSON.stringify(text) : bytes.toString('hex')
}

/** Sorted by name, without what differs. */
function fieldsIn(bytes: Buffer): string[] {
  if (bytes.byteLength < 4) return []
  const count = bytes.readUInt32LE()
  let at = 4 + count * 8
  const next = (index: number): string => {
    const length = bytes.readUInt32LE(4 + index * 4)
    at += length + 1
    return bytes.toString('latin1', at - length - 1, at - 1)
  }
  const fields = Array.from({ length: count }, (_none, i) => ({ name: next(i * 2), value: next(i * 2 + 1) }))
  return fields.filter(({ name }) => !fieldsThatDiffer.has(name)).toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)).map(({ name, value }) => `${name}: ${value}`)
}

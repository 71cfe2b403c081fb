// Writes the head of a request. The only place where a request becomes text, so everything in it is checked here.
import { MeshError } from '../../errors.ts'
import type { Exchange } from '../../exchange.ts'
import { field, fieldKind, isFieldValue, isToken } from '../../fields.ts'

/** The head, last line ends included; or MESH_BAD_HEADER if a filter has put something into it that may not stand there. */
export function writeRequestHead(exchange: Exchange): string | MeshError {
  const { request, body } = exchange
  const target = request.target
  if (!isToken(request.method)) return bad('the method is not a token')
  if (/[^\x21-\x7e]/.test(target) || target === '') return bad('the target has a character that it may not have')
  if (!isFieldValue(request.authority)) return bad('Host has a character that it may not have')
  let text = `${request.method} ${target} HTTP/1.1\r\nhost: ${request.authority}\r\n`
  const list = request.headers.toList()
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    const kind = fieldKind(name)
    if (kind === field.invalid || !isFieldValue(value)) return bad(`field ${JSON.stringify(name.slice(0, 64))}`)
    // A filter cannot frame the message, nor change the connection: those fields are written below.
    if (kind >= field.host && kind <= field.hop) continue
    text += `${name}: ${value}\r\n`
  }
  if (request.upgrade !== undefined) text += `connection: upgrade\r\nupgrade: ${request.upgrade}\r\n`
  if (body === undefined) return text + (expectsContent(request.method) ? 'content-length: 0\r\n\r\n' : '\r\n')
  if (request.expectContinue) text += 'expect: 100-continue\r\n'
  return text + (body.declaredBytes === undefined ? 'transfer-encoding: chunked\r\n\r\n' : `content-length: ${body.declaredBytes}\r\n\r\n`)
}

/** RFC 9110 §8.6: these say so when they have no content. */
function expectsContent(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

function bad(detail: string): MeshError {
  return new MeshError('MESH_BAD_HEADER', detail)
}

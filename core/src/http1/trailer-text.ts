// Trailers as text, for the end of a chunked body, whichever way it goes.
import { passableTrailers } from '../fields.ts'
import { Headers } from '../headers.ts'

/** A filter may have set them: what cannot stand there is left out, as nobody can be told any more. */
export function trailerText(trailers: Headers): string {
  let text = ''
  for (const [name, value] of new Headers(passableTrailers(trailers.toList()))) text += `${name}: ${value}\r\n`
  return text
}

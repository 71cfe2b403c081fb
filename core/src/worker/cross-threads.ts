// What may cross to other threads: plain data.
import { MeshError } from '../errors.ts'

/** Deeper than any configuration, and less deep than the stack. */
const maxDepth = 200

/** @throws MESH_BAD_OPTIONS that names the place of something that is not plain data */
export function checkPlain(value: unknown, place = '', depth = 0): void {
  if (depth > maxDepth) throw new MeshError('MESH_BAD_OPTIONS', `${place.slice(0, 100)}… is nested more than ${maxDepth} deep`)
  if (typeof value === 'function' || typeof value === 'symbol') throw byValue(place)
  if (typeof value !== 'object' || value === null) return
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null
  if (!isPlain) throw byValue(place)
  for (const [key, part] of Object.entries(value)) checkPlain(part, place === '' ? key : `${place}.${key}`, depth + 1)
}

function byValue(place: string): MeshError {
  return new MeshError('MESH_BAD_OPTIONS', `${place} is given by value, and only names and plain data cross to worker threads: use a name, or set workers to 0`)
}

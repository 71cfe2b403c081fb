// Reads values of unknown shape, so that the checks of meaning work on files whose shape is still wrong.
import type { QuestionKind } from '@meshwright/core'
import type { ValuePath } from './problems.ts'

/** A value and its place. */
export interface Placed {
  readonly path: ValuePath
  readonly value: unknown
}

/** A map, or an empty one if it is something else. */
export function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

/** Text, or undefined if it is something else. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A number, or undefined if it is something else. */
export function asNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** The value below a key. */
export function below(place: Placed, key: string): Placed {
  return { path: [...place.path, key], value: asMap(place.value)[key] }
}

/** The elements of a list; none if it is something else. */
export function elements(place: Placed): Placed[] {
  return Array.isArray(place.value) ? place.value.map((value: unknown, index) => ({ path: [...place.path, index], value })) : []
}

/** Whether a list is absent or without elements; something else in its place is another mistake. */
export function isEmpty(place: Placed): boolean {
  return place.value === undefined || (Array.isArray(place.value) && place.value.length === 0)
}

/** The elements of a list, or the one value that stands for a list of one. */
export function oneOrMore(place: Placed): Placed[] {
  if (place.value === undefined) return []
  return Array.isArray(place.value) ? elements(place) : [place]
}

/** The entries of a map. */
export function entries(place: Placed): (Placed & { readonly key: string })[] {
  return Object.entries(asMap(place.value)).map(([key, value]) => ({ key, path: [...place.path, key], value }))
}

/** Every text in a value, at any depth. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

const serviceAnswers = ['discovery', 'balancer', 'retry', 'outlier', 'health', 'transport'] as const

/** Every place of a configuration where a plugin answers. */
export function answersIn(root: unknown): (Placed & { readonly kind: QuestionKind })[] {
  const top: Placed = { path: [], value: root }
  const found = elements(below(top, 'filters')).map((place) => ({ ...place, kind: 'filter' as QuestionKind }))
  for (const listener of elements(below(top, 'listeners'))) {
    found.push({ ...below(listener, 'identity'), kind: 'identity' })
    for (const place of elements(below(below(listener, 'tcp'), 'filters'))) found.push({ ...place, kind: 'networkFilter' })
  }
  for (const service of entries(below(top, 'services'))) {
    for (const kind of serviceAnswers) found.push({ ...below(service, kind), kind })
    found.push({ ...below(below(service, 'tls'), 'identity'), kind: 'identity' })
    for (const place of elements(below(service, 'admission'))) found.push({ ...place, kind: 'admission' })
  }
  for (const route of elements(below(top, 'routes'))) {
    for (const place of elements(below(route, 'filters'))) found.push({ ...place, kind: 'filter' })
  }
  return found.filter((place) => place.value !== undefined)
}

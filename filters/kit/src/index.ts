// What the tests of filters share: a real mesh with a filter in it, and filters compiled from a text.
export { echo, endpoint, type Handler, type Seen } from './endpoint.ts'
export { ask, type Answer, type Asked } from './ask.ts'
export { compiled, moduleFile } from './compiled.ts'
export { meshWith, type FilterMesh } from './mesh.ts'
export { buildShipped, shippedFilters, type ShippedFilter } from './shipped.ts'

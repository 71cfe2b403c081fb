// The door: counts every exchange and answers GET /metrics on the admin address.
import { definePlugin, type MeshPlugin, type MetricFamily } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { expositionContentType, toExposition } from './exposition.ts'
import { processFamilies } from './process-metrics.ts'
import { defaultDurationBoundsSeconds, requestMetrics } from './request-metrics.ts'

export interface MetricsOptions {
  /** Upper bounds of the duration's buckets in seconds: 1 to 100 numbers, ascending. Default: 16 from 0.0005 to 60. */
  readonly durationBoundsSeconds?: readonly number[]
}

const schema: TSchema = Type.Object(
  {
    durationBoundsSeconds: Type.Optional(
      Type.Array(Type.Number({ exclusiveMinimum: 0 }), { minItems: 1, maxItems: 100, description: 'Upper bounds of the duration buckets in seconds, ascending. Default: 16 from 0.0005 to 60.' }),
    ),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin<MetricsOptions> = definePlugin({ name: '@meshwright/metrics', mesh: '^0.1.0', options: schema }, (mesh, options) => {
  const { metrics } = mesh
  if (mesh.side !== 'control') mesh.filter(requestMetrics(metrics, options.durationBoundsSeconds))
  if (mesh.side === 'data') return
  mesh.onAdmin((admin) => {
    admin.get('/metrics', (_request, answer) => answer.header('content-type', expositionContentType).send(toExposition(withProcess(metrics.collect()))))
  })
})

/** A name may stand only once in a text: whoever declared one of the process's names keeps it. */
function withProcess(families: MetricFamily[]): MetricFamily[] {
  const taken = new Set(families.map((family) => family.name))
  return [...families, ...processFamilies().filter((family) => !taken.has(family.name))]
}

export default plugin
export { defaultDurationBoundsSeconds, expositionContentType, requestMetrics, toExposition }

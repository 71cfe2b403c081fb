// Metrics: numbers that are cheap to count in one thread and readable from another.
export { MergedMetrics } from './metrics/merged.ts'
export { Metrics, type MetricDescriptor, type MetricsLimits } from './metrics/metrics.ts'
export type { FamilyDeclaration, GaugeMerge, MetricLabels, MetricType } from './metrics/family.ts'
export type { Counter, Gauge, Histogram } from './metrics/handle.ts'
export type { HistogramSeries, MetricFamily, ValueSeries } from './metrics/tally.ts'

import { AggregatorRegistry, type Metric, type Registry } from 'prom-client'

/** What prom-client asks of a metric: a name, and its values when it is read. */
export interface MetricObject {
  readonly name: string
  get(): Promise<MetricValues>
}

/** As `getMetricsAsJSON` has it: it crosses processes. */
export interface MetricValues {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly aggregator: 'sum' | 'max' | 'min' | 'average' | 'first' | 'omit'
  readonly values: readonly {
    readonly metricName?: string
    readonly labels: Readonly<Record<string, string | number>>
    readonly value: number
  }[]
}

export const registerMetric = (registry: Registry, metric: MetricObject): void =>
  registry.registerMetric(metric as unknown as Metric)

export const readMetrics = (registry: Registry): Promise<readonly MetricValues[]> =>
  registry.getMetricsAsJSON() as unknown as Promise<readonly MetricValues[]>

/** One page of the metrics of several processes, added up. */
export async function sumMetrics(
  processes: readonly (readonly MetricValues[])[],
): Promise<{ readonly type: string; readonly text: string }> {
  const registry = AggregatorRegistry.aggregate(processes as unknown as object[])
  return { type: registry.contentType, text: await registry.metrics() }
}

// The usual plugins in one install: what every mesh of the command knows without naming it in `plugins`.

/** Package names; each exports its plugin as default. */
export const defaultPlugins: readonly string[] = [
  '@meshwright/balancer-round-robin',
  '@meshwright/balancer-least-request',
  '@meshwright/balancer-random',
  '@meshwright/balancer-peak-ewma',
  '@meshwright/balancer-maglev',
  '@meshwright/discovery-dns',
  '@meshwright/discovery-file',
  '@meshwright/health-http',
  '@meshwright/health-tcp',
  '@meshwright/outlier',
  '@meshwright/retry',
  '@meshwright/limits',
  '@meshwright/breaker',
  '@meshwright/deadline',
  '@meshwright/registry',
  '@meshwright/tls',
  '@meshwright/access-log',
  '@meshwright/metrics',
  '@meshwright/rate-limit',
  '@meshwright/wasm',
]

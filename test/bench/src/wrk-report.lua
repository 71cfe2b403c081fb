-- What wrk prints at its end for load.ts to read: one line of JSON, times in microseconds.
-- Timeouts are no failures: a load that is held waits longer for its answers than any of them.
function done(summary, latency)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status
  print(string.format('{"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,"p999Us":%d,"failures":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9), failures))
end

// What Redis runs: both scripts work on one key, on the server's own clock.

/**
 * Takes requests out of a token bucket, as many as it has but no more than wanted.
 * The bucket is the time at which it is full again (GCRA), in microseconds; its key lives no longer than that.
 * Answers how many were taken, and if none, after how many microseconds there is one.
 * KEYS[1] bucket; ARGV[1] microseconds per request, ARGV[2] burst, ARGV[3] how many are wanted.
 */
export const leaseScript: string = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[1])
local full = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local free = math.floor((now + interval * ARGV[2] - full) / interval + 0.000001)
local taken = math.max(0, math.min(free, tonumber(ARGV[3])))
if taken == 0 then
  return {0, math.ceil(full + interval - now - interval * ARGV[2])}
end
full = full + taken * interval
redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil((full - now) / 1000))
return {taken, 0}
`

/**
 * Says that somebody takes part, and answers how many did lately.
 * KEYS[1] the set of them; ARGV[1] who, ARGV[2] seconds after which somebody counts as gone.
 */
export const presenceScript: string = `
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2] * 2)
return redis.call('ZCARD', KEYS[1])
`

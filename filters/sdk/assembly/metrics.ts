// Metrics of the host: defined when first used, once in each VM, as the ABI wants it.
import { proxy_define_metric, proxy_get_metric, proxy_increment_metric, proxy_record_metric } from './abi'
import { begin, put, putAt, slot } from './memory'

abstract class Metric {
  private known: bool = false
  private id: u32 = 0

  constructor(private type: u32, private name: string) {}

  /** Whether the host keeps it. */
  protected define(): bool {
    if (this.known) return this.id != 0
    this.known = true
    begin()
    const length = put(this.name)
    if (proxy_define_metric(this.type, putAt, length, slot) == 0) this.id = load<u32>(slot)
    return this.id != 0
  }

  protected increment(by: i64): void {
    if (this.define()) proxy_increment_metric(this.id, by)
  }

  protected record(value: i64): void {
    if (this.define()) proxy_record_metric(this.id, value)
  }

  protected read(): i64 {
    if (!this.define()) return 0
    begin()
    return proxy_get_metric(this.id, slot) == 0 ? load<i64>(slot) : 0
  }
}

/** Only grows. Make it once, outside of the filter: `const refused = new Counter("refused")`. */
export class Counter extends Metric {
  constructor(name: string) {
    super(0, name)
  }

  /** @param by 1.. */
  add(by: i64 = 1): void {
    this.increment(by)
  }

  get value(): i64 {
    return this.read()
  }
}

/** Goes up and down. */
export class Gauge extends Metric {
  constructor(name: string) {
    super(1, name)
  }

  add(by: i64): void {
    this.increment(by)
  }

  set(value: i64): void {
    this.record(value)
  }

  get value(): i64 {
    return this.read()
  }
}

/** Sorts what it observes by size. */
export class Histogram extends Metric {
  constructor(name: string) {
    super(2, name)
  }

  observe(value: i64): void {
    this.record(value)
  }
}

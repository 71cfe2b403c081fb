// Random functions with every kind of control flow, which count what they do themselves: what a meter charges is compared with that.

/** Repeatable numbers from 0 to less than 1. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * A module with functions `f0`, `f1`, … of one i32 each (a seed), the exported global `count` of the plain instructions that ran,
 * and branches that depend on the seed.
 */
export function structured(random: () => number): string {
  const functions = 1 + Math.floor(random() * 4)
  const bodies = Array.from({ length: functions }, (_none, i) => {
    const maker = new Maker(random, i)
    return `(func $f${i} (export "f${i}") (param $s i32) (result i32) (local $x i32) (local $turns i32) ${maker.block(0)} (local.get $x))`
  })
  return `(module
    (global $count (export "count") (mut i32) (i32.const 0))
    (tag $t)
    (func $next (param i32) (result i32) (i32.add (i32.mul (local.get 0) (i32.const 1103515245)) (i32.const 12345)))
    ${bodies.join('\n')})`
}

const maxDepth = 5

class Maker {
  readonly #random: () => number
  readonly #index: number
  #labels = 0
  #open: string[] = []
  #size = 0

  constructor(random: () => number, index: number) {
    this.#random = random
    this.#index = index
  }

  block(depth: number): string {
    const statements = Array.from({ length: 1 + this.#below(4) }, () => this.#statement(depth))
    return statements.join('\n')
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #statement(depth: number): string {
    this.#size++
    if (depth >= maxDepth || this.#size > 60) return this.#work()
    switch (this.#below(10)) {
      case 0:
        return this.#scope(depth)
      case 1:
        return this.#loop(depth)
      case 2:
        return `${this.#toss()} (if (then ${this.block(depth + 1)}))`
      case 3:
        return `${this.#toss()} (if (then ${this.block(depth + 1)}) (else ${this.block(depth + 1)}))`
      case 4:
        return this.#branch()
      case 5:
        return this.#call()
      case 6:
        return `${this.#toss()} (if (then (return (local.get $x))))`
      case 7:
        return `(try (do ${this.block(depth + 1)} ${this.#toss()} (if (then (throw $t))) ${this.#work()}) (catch $t ${this.block(depth + 1)}) (catch_all ${this.#work()}))`
      default:
        return this.#work()
    }
  }

  /** Some instructions, and how many they are: with those that count them. */
  #work(): string {
    const steps = 1 + this.#below(this.#below(6) === 0 ? 120 : 8)
    return `${'(local.set $x (i32.add (local.get $x) (i32.const 1)))'.repeat(steps)} ${counted(steps * 4 + 4)}`
  }

  /** Leaves 0 or 1 on the stack. */
  #toss(): string {
    return `(local.set $s (call $next (local.get $s))) ${counted(13)} (i32.and (i32.shr_u (local.get $s) (i32.const 16)) (i32.const 1))`
  }

  #scope(depth: number): string {
    const label = this.#enter('block')
    const inner = this.block(depth + 1)
    this.#open.pop()
    return `(block ${label} ${inner})`
  }

  /** Ends after some turns, whatever happens in it. */
  #loop(depth: number): string {
    const label = this.#enter('loop')
    const inner = this.block(depth + 1)
    this.#open.pop()
    const again = `(local.set $turns (i32.add (local.get $turns) (i32.const 1))) ${counted(10)} (br_if ${label} (i32.lt_u (local.get $turns) (i32.const ${1 + this.#below(20)})))`
    return `(loop ${label} ${inner} ${again})`
  }

  #branch(): string {
    const outer = this.#open.filter((label) => !label.startsWith('$loop'))
    if (outer.length === 0) return this.#work()
    const label = outer[this.#below(outer.length)] as string
    if (this.#below(3) > 0) return `${this.#toss()} (br_if ${label})`
    return `${this.#toss()} (if (then (br_table ${label} ${outer[0] as string} (i32.and (local.get $s) (i32.const 1)))))`
  }

  /** Only of functions before this one, so that it ends. */
  #call(): string {
    if (this.#index === 0) return this.#work()
    return `(local.set $x (i32.add (local.get $x) (call $f${this.#below(this.#index)} (local.get $s)))) ${counted(8)}`
  }

  #enter(kind: 'block' | 'loop'): string {
    const label = `$${kind}${this.#labels++}`
    this.#open.push(label)
    return label
  }
}

function counted(instructions: number): string {
  return `(global.set $count (i32.add (global.get $count) (i32.const ${instructions})))`
}

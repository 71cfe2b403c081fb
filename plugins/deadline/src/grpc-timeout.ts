// The header grpc-timeout: how long a gRPC client waits, in up to eight digits and a unit.

const form = /^(\d{1,8})([HMSmun])$/

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** Milliseconds, perhaps a fraction of one; undefined for what is no timeout. */
export function fromGrpcTimeout(text: string): number | undefined {
  const match = form.exec(text)
  return match === null ? undefined : Number(match[1]) * (unitMs[match[2] as string] as number)
}

/** Units that can be written, the finest first. */
const writable = ['m', 'S', 'M', 'H'] as const

/** Never more than there is. @param ms 1.. */
export function toGrpcTimeout(ms: number): string {
  for (const unit of writable) {
    const count = Math.floor(ms / (unitMs[unit] as number))
    if (count < 1e8) return `${count}${unit}`
  }
  return '99999999H'
}

// What a configuration says of a WASM filter.
import { basename } from 'node:path'
import { Type, type TSchema } from 'typebox'
import type { DialectName } from './host/dialect.ts'
import { unitsPerMs } from './host/fuel-gauge.ts'
import type { PluginSettings } from './host/surroundings.ts'
import type { OnFailure } from './wasm.ts'

export interface WasmOptions {
  /** Path of the module, a relative one from the working directory; or `npm:` and the name of a package that brings one. */
  readonly module: string
  /** For logs and metrics. Default: the file's name without `.wasm`. */
  readonly name?: string
  /** Which of the plugins in the module. Default: `name` if it is given, else empty. */
  readonly rootId?: string
  /** Filters with the same id, module and VM configuration share one VM in each thread; all of the same id share data and queues. Default: empty. */
  readonly vmId?: string
  /** What the guest reads as its configuration: a text as it is, anything else as JSON. Default: nothing. */
  readonly configuration?: unknown
  /** The same for the VM as a whole. */
  readonly vmConfiguration?: unknown
  /** What the guest sees as its environment; never that of this process. */
  readonly environment?: Readonly<Record<string, string>>
  /** `inline`: in the data-plane thread, metered; `worker`: in a thread of its own, at native speed, with a deadline. Default `inline`. */
  readonly isolation?: 'inline' | 'worker'
  /** Only with `isolation: worker`: time that one call may take before its thread is ended, without foreign functions of plugins. Milliseconds, 5..10000; default 100. */
  readonly deadlineMs?: number
  /** CPU time that one callback may take, measured in fuel; it may be up to an eighth more. Milliseconds, 1..2000; default 20. */
  readonly fuelMs?: number
  /**
   * The same for starting, all of it together: the module's initialisers, `on_vm_start`, `on_configure`. While a module starts, its
   * data-plane thread does nothing else: so long, and up to four times that by the clock, can one that never ends hold a thread up when a
   * configuration is loaded, and again whenever `onFailure: reload` or `rebuild` start it anew. Milliseconds, 1..60000; default 250, or
   * `fuelMs` if that is more.
   */
  readonly startFuelMs?: number
  /** Linear memory that the guest may have. Megabytes, 1..4096; default 64. */
  readonly memoryMb?: number
  /** Memory for the data that filters of one `vmId` share in all threads; those with the same number share it. Megabytes, 1..128; default 16. */
  readonly sharedDataMb?: number
  /** Bytes of a body that may be held back for the guest. Default 1048576. */
  readonly bufferBytes?: number
  /** `closed`: exchanges fail with MESH_WASM_FAILED (503); `open`: they go on without the filter; `reload`: as closed, and the next one gets a new VM. Default `closed`. */
  readonly onFailure?: OnFailure
  /** The module must have this SHA-256, in hex. */
  readonly sha256?: string
  /** Host functions that the guest may call; others answer that they are not there. Default: all. */
  readonly capabilities?: readonly string[]
  /** Answer `unimplemented` to imports that nobody knows, instead of refusing the module. Default false. */
  readonly allowUnknownImports?: boolean
  /** Go on with body callbacks when a header callback has answered StopIteration. Default false: everything stops. */
  readonly allowOnHeadersStopIteration?: boolean
  /** Whose host the guest was written for, where hosts differ. Default `envoy`. */
  readonly dialect?: DialectName
  /** A new VM for a guest that leaks; streams under way end in the old one. Default: never. */
  readonly rebuild?: { readonly afterRequests?: number; readonly aboveMemoryMb?: number }
  /** Least level of log lines: 0 trace, 1 debug, 2 info, 3 warn, 4 error, 5 critical. Default 2. */
  readonly logLevel?: number
}

const text = (description: string): TSchema => Type.Optional(Type.String({ description }))
const whole = (minimum: number, maximum: number, description: string): TSchema => Type.Optional(Type.Integer({ minimum, maximum, description }))

export const schema: TSchema = Type.Object(
  {
    module: Type.String({ minLength: 1, description: 'Path of the module, a relative one from the working directory; or npm: and the name of a package that brings one.' }),
    name: text("For logs and metrics. Default: the file's name."),
    rootId: text('Which of the plugins in the module. Default: the name if it is given.'),
    vmId: text('Filters with the same id, module and VM configuration share one VM in each thread.'),
    configuration: Type.Optional(Type.Unknown({ description: 'What the guest reads as its configuration: a text as it is, anything else as JSON.' })),
    vmConfiguration: Type.Optional(Type.Unknown({ description: 'The same for the VM as a whole.' })),
    environment: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'What the guest sees as its environment.' })),
    isolation: Type.Optional(Type.Enum(['inline', 'worker'], { description: 'In the data-plane thread, metered; or in a thread of its own, at native speed, with a deadline. Default inline.' })),
    deadlineMs: whole(5, 10_000, 'Only with isolation: worker: time that one call may take before its thread is ended. Milliseconds. Default 100.'),
    fuelMs: Type.Optional(Type.Number({ minimum: 1, maximum: 2_000, description: 'CPU time that one callback may take. Milliseconds. Default 20.' })),
    startFuelMs: Type.Optional(Type.Number({ minimum: 1, maximum: 60_000, description: 'CPU time that starting the module and the plugin may take, while its data-plane thread waits. Milliseconds. Default 250, or fuelMs if that is more.' })),
    memoryMb: whole(1, 4_096, 'Memory that the guest may have. Megabytes. Default 64.'),
    sharedDataMb: whole(1, 128, 'Memory for the data that filters of one vmId share in all threads. Megabytes. Default 16.'),
    bufferBytes: whole(1, 1_073_741_824, 'Bytes of a body that may be held back for the guest. Default 1048576.'),
    onFailure: Type.Optional(Type.Enum(['closed', 'open', 'reload'], { description: 'What becomes of exchanges when the guest fails. Default closed.' })),
    sha256: Type.Optional(Type.String({ pattern: '^[0-9a-fA-F]{64}$', description: 'The module must have this SHA-256.' })),
    capabilities: Type.Optional(Type.Array(Type.String(), { description: 'Host functions that the guest may call. Default: all.' })),
    allowUnknownImports: Type.Optional(Type.Boolean({ description: 'Answer unimplemented to imports that nobody knows. Default false.' })),
    allowOnHeadersStopIteration: Type.Optional(Type.Boolean({ description: 'Go on with body callbacks when a header callback has stopped. Default false.' })),
    dialect: Type.Optional(Type.Enum(['envoy', 'nginx', 'fastedge'], { description: 'Whose host the guest was written for, where hosts differ. Default envoy.' })),
    rebuild: Type.Optional(
      Type.Object(
        { afterRequests: whole(1, 2_147_483_647, 'After so many.'), aboveMemoryMb: whole(1, 4_096, 'When the memory has grown beyond that.') },
        { additionalProperties: false, description: 'A new VM for a guest that leaks.' },
      ),
    ),
    logLevel: whole(0, 5, 'Least level of log lines, 0 (trace) to 5 (critical). Default 2.'),
  },
  { additionalProperties: false },
)

const encoder = new TextEncoder()

function bytesOf(configuration: unknown): Uint8Array {
  if (configuration === undefined || configuration === null) return new Uint8Array(0)
  return encoder.encode(typeof configuration === 'string' ? configuration : JSON.stringify(configuration))
}

/** Fuel in units: for a callback, and for starting. */
export function fuelOf({ fuelMs = 20, startFuelMs = Math.max(250, fuelMs) }: Pick<WasmOptions, 'fuelMs' | 'startFuelMs'>): { readonly fuel: number; readonly startFuel: number } {
  return { fuel: Math.round(fuelMs * unitsPerMs), startFuel: Math.round(startFuelMs * unitsPerMs) }
}

/** What would be without effect is refused. @throws Error; it begins with the option's own name */
export function checkIsolation({ isolation, deadlineMs }: WasmOptions): void {
  if (deadlineMs === undefined || isolation === 'worker') return
  throw new Error('deadlineMs: is only for a guest with "isolation: worker"; for one in the data-plane thread there is fuelMs')
}

export function settingsOf(options: WasmOptions, path: string): PluginSettings {
  return {
    name: options.name ?? basename(path, '.wasm'),
    rootId: options.rootId ?? options.name ?? '',
    vmId: options.vmId ?? '',
    configuration: bytesOf(options.configuration),
    vmConfiguration: bytesOf(options.vmConfiguration),
    environment: options.environment ?? {},
    allowHeadersStop: options.allowOnHeadersStopIteration ?? false,
    bufferBytes: options.bufferBytes ?? 1_048_576,
    dialect: options.dialect ?? 'envoy',
  }
}

// An Envoy process with one listener and one cluster for each scenario, its guests' log lines, and its end.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { GuestOptions, Scenario } from './scenario.ts'

export interface Envoy {
  /** Where each scenario's listener is, in their order. */
  readonly ports: readonly number[]
  /** What the guests of a scenario have logged so far. */
  lines(scenario: number): readonly string[]
  /** Everything else it has said. */
  readonly told: readonly string[]
  stop(): Promise<void>
}

/** Envoy compiles all modules before it listens. */
const startMs = 60_000

/** What Envoy runs: the guests of one listener. */
export type Guests = Pick<Scenario, 'filters'> & {
  /** How its cluster is spoken to: a transport socket. Default: plainly. */
  readonly behind?: object | undefined
}

/** A listener of Envoy whose filters run the plugins of a scenario, and whose cluster is called like it. */
export type ListenerOf<S> = (name: string, plugins: readonly object[], scenario: S) => object

/**
 * @param endpoints ports of the clusters, in the order of the scenarios
 * @param app port of the cluster that guests call
 * @throws Error with what Envoy says when it does not start
 */
export async function startEnvoy<S extends Guests>(binary: string, scenarios: readonly S[], endpoints: readonly number[], listenerOf: ListenerOf<S> = httpListener, app: number = endpoints[0] ?? 0): Promise<Envoy> {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshwright-envoy-'))
  const file = path.join(folder, 'envoy.json')
  const adminFile = path.join(folder, 'admin')
  writeFileSync(file, JSON.stringify(bootstrap(folder, scenarios, endpoints, listenerOf, app)))
  const parameters = ['-c', file, '--admin-address-path', adminFile, '--concurrency', '1', '--disable-hot-restart', '--log-format', '%v', '-l', 'warn', '--component-log-level', 'wasm:info', '--drain-time-s', '0', '--parent-shutdown-time-s', '0']
  const child = spawn(binary, parameters, { stdio: ['ignore', 'ignore', 'pipe'] })
  const over = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  const lines = new Map<number, string[]>()
  const told: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    const [, scenario, text] = /wasm log (?:\S+ )*?s(\d+)(?:-\d+)?(?: \S+)*?: (@@.*)$/.exec(line) ?? []
    if (scenario === undefined || text === undefined) told.push(line)
    else lines.set(Number(scenario), [...(lines.get(Number(scenario)) ?? []), text])
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await over
    rmSync(folder, { recursive: true })
  }
  try {
    const ports = await Promise.race([listening(adminFile, scenarios.length), over.then(() => Promise.reject(new Error('Envoy has ended')))])
    return { ports, lines: (scenario) => lines.get(scenario) ?? [], told, stop }
  } catch (error) {
    await stop()
    throw new Error(`Envoy did not start:\n${told.filter((line) => !line.startsWith(' ')).slice(-8).join('\n')}`, { cause: error })
  }
}

/** Asks the admin API until every listener has its port. */
async function listening(adminFile: string, count: number): Promise<number[]> {
  const giveUpMs = performance.now() + startMs
  while (performance.now() < giveUpMs) {
    const ports = await portsNow(adminFile).catch(() => [])
    if (ports.length === count) return ports
    await pause(50)
  }
  throw new Error('it listens nowhere')
}

interface Listeners {
  readonly listener_statuses?: readonly { readonly name: string; readonly local_address: { readonly socket_address: { readonly port_value: number } } }[]
}

async function portsNow(adminFile: string): Promise<number[]> {
  const admin = readFileSync(adminFile, 'utf8').trim()
  const ready = await fetch(`http://${admin}/ready`)
  if (!ready.ok) return []
  const { listener_statuses: all = [] } = (await (await fetch(`http://${admin}/listeners?format=json`)).json()) as Listeners
  return all.toSorted((a, b) => Number(a.name.slice(1)) - Number(b.name.slice(1))).map(({ local_address: { socket_address: address } }) => address.port_value)
}

function bootstrap<S extends Guests>(folder: string, scenarios: readonly S[], endpoints: readonly number[], listenerOf: ListenerOf<S>, app: number): object {
  return {
    node: { id: 'node-1', cluster: 'meshwright' },
    admin: { address: address(0) },
    static_resources: {
      listeners: scenarios.map((scenario, i) => listenerOf(`s${i}`, scenario.filters.map((guest, at) => plugin(folder, `s${i}`, at, guest)), scenario)),
      clusters: endpoints.map((port, i) => ({ ...cluster(`s${i}`, port), ...(scenarios[i]?.behind === undefined ? {} : { transport_socket: scenarios[i].behind }) })).concat(cluster('app', app), cluster('closed', 1)),
    },
  }
}

/** On loopback; 0: any port. */
export function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}

function cluster(name: string, port: number): Readonly<Record<string, unknown>> {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions', explicit_http_config: { http_protocol_options: { enable_trailers: true } } },
    },
  }
}

/** As little of Envoy's own as can be: no identifiers, no `x-envoy-` fields, no name of a server. */
function httpListener(name: string, plugins: readonly object[]): object {
  const filters = plugins.map((config, i) => ({ name: `wasm-${i}`, typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm', config } }))
  const route = { name: 'all', match: { prefix: '/' }, route: { cluster: name, timeout: '15s' } }
  return {
    name,
    traffic_direction: 'INBOUND',
    address: address(0),
    filter_chains: [
      {
        filters: [
          {
            name: 'http',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: name,
              codec_type: 'HTTP1',
              http_protocol_options: { enable_trailers: true },
              generate_request_id: false,
              use_remote_address: true,
              server_header_transformation: 'PASS_THROUGH',
              route_config: { name: 'routes', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
              http_filters: [...filters, { name: 'router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router', suppress_envoy_headers: true } }],
            },
          },
        ],
      },
    ],
  }
}

/** What Envoy calls the configuration of a plugin. */
function plugin(folder: string, name: string, at: number, { module, configuration, vmConfiguration, rootId = '', vmId, onFailure, allowOnHeadersStopIteration, environment }: GuestOptions): object {
  const file = typeof module === 'string' ? module : path.join(folder, `${name}-${at}.wasm`)
  if (typeof module !== 'string') writeFileSync(file, module)
  const policy = { closed: 'FAIL_CLOSED', open: 'FAIL_OPEN', reload: 'FAIL_RELOAD' }[onFailure ?? 'closed']
  return {
    name,
    root_id: rootId,
    failure_policy: policy,
    ...(configuration === undefined ? {} : { configuration: textOf(configuration) }),
    ...(allowOnHeadersStopIteration === undefined ? {} : { allow_on_headers_stop_iteration: allowOnHeadersStopIteration }),
    vm_config: { vm_id: vmId ?? `${name}-${at}`, runtime: 'envoy.wasm.runtime.v8', code: { local: { filename: file } }, ...(vmConfiguration === undefined ? {} : { configuration: textOf(vmConfiguration) }), ...(environment === undefined ? {} : { environment_variables: { key_values: environment } }) },
  }
}

function textOf(value: unknown): object {
  return { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: typeof value === 'string' ? value : JSON.stringify(value) }
}

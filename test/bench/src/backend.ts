// The endpoint behind every proxy under test: nginx, serving a short text and files of several sizes.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Program, loadCore, startPinned } from './pinned.ts'

/** Response bodies by name: what to ask for and how long it is. */
export const bodies = { '1 KB': ['/1k', 1024], '64 KB': ['/64k', 65_536], '10 MB': ['/10m', 10_485_760] } as const

/** A certificate and its key. */
export interface CertificateFiles {
  readonly keyPath: string
  readonly certPath: string
}

/** Starts the backend with its files in `directory`; it also speaks TLS on `tlsPort`. */
export async function startBackend(nginx: string, directory: string, port: number, tlsPort: number, certificate: CertificateFiles): Promise<Program> {
  const root = join(directory, 'files')
  mkdirSync(root, { recursive: true })
  // nginx started by root reads files as nobody, and temporary directories are private.
  chmodSync(directory, 0o755)
  for (const [path, bytes] of Object.values(bodies)) writeFileSync(join(root, path), Buffer.alloc(bytes, 'meshwright '))
  const file = join(directory, 'backend.conf')
  writeFileSync(file, configuration(directory, root, port, tlsPort, certificate))
  return startPinned(loadCore, [nginx, '-c', file, '-p', directory], port)
}

const configuration = (directory: string, root: string, port: number, tlsPort: number, { keyPath, certPath }: CertificateFiles): string => `
daemon off;
worker_processes 1;
pid ${directory}/backend.pid;
error_log ${directory}/backend.log crit;
worker_rlimit_nofile 20000;
events { worker_connections 16000; }
http {
  access_log off;
  client_body_temp_path ${directory}/backend-body;
  proxy_temp_path ${directory}/backend-proxy;
  fastcgi_temp_path ${directory}/backend-fastcgi;
  uwsgi_temp_path ${directory}/backend-uwsgi;
  scgi_temp_path ${directory}/backend-scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 3600;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=16 inactive=3600s;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    listen 127.0.0.1:${tlsPort} ssl backlog=4096;
    ssl_certificate ${certPath};
    ssl_certificate_key ${keyPath};
    root ${root};
    location = /count { stub_status; }
    location = /small { default_type text/plain; return 200 'a short text of forty-eight bytes, no more, no les'; }
  }
}
`

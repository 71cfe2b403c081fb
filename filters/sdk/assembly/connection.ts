// The connection as a filter sees it: who speaks with whom.
import { property } from './property'

/** Addresses are IP address and port: `127.0.0.1:9000`, `[::1]:9000`. */
export class Connection {
  /** Of the client. */
  get source(): string {
    return textOf('source.address')
  }

  /** That the client has connected to. */
  get destination(): string {
    return textOf('destination.address')
  }

  /** Of the endpoint. Empty in `onNewConnection`: it is connected to afterwards. */
  get endpoint(): string {
    return textOf('upstream.address')
  }

  /** The name that the client asks for in TLS (SNI). Empty: it asks for none. */
  get serverName(): string {
    return textOf('connection.requested_server_name')
  }
}

function textOf(path: string): string {
  const text = property.text(path)
  return text == null ? '' : text
}

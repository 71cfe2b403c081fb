// What is behind the mesh: a shop, and a service that knows the cards of its members.
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

const cards: Readonly<Record<string, string>> = { c7: 'ada', c8: 'grace' }

/** Both of them, running. */
export interface Shop {
  readonly shopPort: number
  readonly membersPort: number
  close(): void
}

/** @param ports 0 takes a free one */
export async function startShop(ports: { readonly shop: number; readonly members: number }): Promise<Shop> {
  const shop = await listen(ports.shop, ({ url, headers }, response) => {
    const member = headers['x-member']
    response.end(url?.startsWith('/offers') === true ? `the offers of today, for ${String(member)}\n` : 'welcome to the shop\n')
  })
  const members = await listen(ports.members, ({ url = '' }, response) => {
    const [, card = ''] = /^\/cards\/(\w+)$/.exec(url) ?? []
    const member = Object.hasOwn(cards, card) ? cards[card] : undefined
    response.writeHead(member === undefined ? 404 : 200).end(member)
  })
  const close = (): void => {
    for (const server of [shop, members]) {
      server.close()
      server.closeAllConnections()
    }
  }
  return { shopPort: portOf(shop), membersPort: portOf(members), close }
}

async function listen(port: number, answer: RequestListener): Promise<Server> {
  const server = createServer(answer)
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

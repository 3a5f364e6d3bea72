/** A server that speaks another version of the protocol: it answers every Hello as docs/protocol.md says. */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const INVALID = 3
const ERROR_RECORD = 78
const BINARY_FRAME = 0x82

export async function otherVersion(): Promise<{ readonly url: string; stop(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((_, response) => response.end())
  server.on('upgrade', (request, stream) => {
    const socket = stream as Socket
    sockets.add(socket)
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}${WEBSOCKET_GUID}`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`
    )
    socket.once('data', () => socket.write(errorMessage()))
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}

/** Error: kind, code and message, and that it is fatal. */
function errorMessage(): Buffer {
  const text = (of: string): Buffer => Buffer.concat([Buffer.of(of.length), Buffer.from(of)])
  const payload = Buffer.concat([
    Buffer.of(INVALID),
    text('unknown_protocol'),
    text('this server speaks protocol versions 98 to 99'),
    Buffer.of(1)
  ])
  const record = Buffer.concat([Buffer.of(ERROR_RECORD, payload.length), payload])
  return Buffer.concat([Buffer.of(BINARY_FRAME, record.length), record])
}

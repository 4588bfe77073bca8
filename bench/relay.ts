/**
 * The reference point: a server that only copies bytes from socket to socket, `node dist/bench/relay.js [--parse]`.
 * A client's first line says its full JID; then each message goes to the client that its `to` names. With `--parse`
 * each one is read by saxes, built as a tree, stamped with its sender and written anew: what no XMPP server can avoid.
 */
import { createServer, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { MessageSplitter } from "./relay/message-splitter.js";
import { TreeReader } from "./relay/tree-reader.js";

const { values } = parseArgs({ options: { parse: { type: "boolean", default: false } } });

/** By full JID and by bare JID. */
const clients = new Map<string, Socket>();

type Forward = (to: string, bytes: Buffer | string) => void;

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => socket.destroy());
  socket.once("data", (line: Buffer) => {
    const name = line.toString().trim();
    const bare = name.split("/", 1)[0];
    clients.set(name, socket).set(bare, socket);
    socket.once("close", () => {
      clients.delete(name);
      clients.delete(bare);
    });
    socket.on(
      "data",
      reader(name, (to, bytes) => forward(socket, to, bytes)),
    );
    socket.write("ok\n");
  });
});

function reader(name: string, send: Forward): (chunk: Buffer) => void {
  const reads = values.parse ? new TreeReader(name, send) : new MessageSplitter(send);
  return (chunk) => reads.read(chunk);
}

/** A recipient that does not keep up stops its sender: nothing is queued without bound. */
function forward(from: Socket, to: string, bytes: Buffer | string): void {
  const socket = clients.get(to);
  if (socket === undefined || socket.write(bytes)) return;
  from.pause();
  socket.once("drain", () => from.resume());
}

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  process.stdout.write(`relay listening on 127.0.0.1:${address.port}\n`);
});
process.once("SIGTERM", () => process.exit(0));

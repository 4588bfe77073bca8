import { connect } from "node:net";
import type { NodeId } from "../../adapter.js";
import { Frame, jsonFrame, OVERHEAD, type Welcome } from "./frames.js";
import type { PeerHost } from "./peer.js";
import { Wire } from "./wire.js";

/**
 * Makes this node known to the one at a socket. One that does not answer within the time that `patience` gives it learns of
 * this node as soon as it reads, and is known when it then answers.
 * @param open has the connection until it is closed
 * @returns whether nobody listens there.
 */
export function knock(
  path: string,
  { self, turn, options }: PeerHost,
  open: Set<Wire>,
  known: (name: NodeId) => void,
): Promise<boolean> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), options.patience);
    const socket = connect(path);
    const wire: Wire = new Wire(
      socket,
      turn,
      OVERHEAD,
      (type, bytes, at, end) => {
        if (type !== Frame.Welcome) return;
        const { name, leaving } = JSON.parse(bytes.toString("utf8", at, end)) as Welcome;
        if (!leaving) known(name);
        socket.end();
      },
      (error) => {
        open.delete(wire);
        clearTimeout(late);
        resolve(error?.code === "ENOENT" || error?.code === "ECONNREFUSED");
      },
    );
    open.add(wire);
    socket.once("connect", () => wire.post(jsonFrame(Frame.Hello, { from: self })));
  });
}

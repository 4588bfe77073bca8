import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { WebSocket } from "ws";
import { within } from "../cli/sluice-process.js";
import { startTestServer, type TestServer } from "../support/server.js";

describe("Stopping a server", () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startTestServer({
      shutdown: { timeout: "200ms" },
      // Far beyond the deadline of a spec: it is the stop that has to cut.
      stream: { closeTimeout: "1m", unauthenticatedTimeout: "1m" },
    });
  });

  /** The other side has let go of the connection: what is sent there is refused. */
  async function refused(socket: Socket): Promise<void> {
    const poke = setInterval(() => socket.write(" "), 10);
    try {
      await within(
        new Promise<void>((resolve) => socket.on("error", () => resolve())),
        () => "the server still holds the connection",
      );
    } finally {
      clearInterval(poke);
      socket.destroy();
    }
  }

  it("cuts a client that is told, and does not close its side", async () => {
    const socket = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "connect");
    socket.resume();
    socket.write(
      "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    );
    await once(socket, "data");
    const told = once(socket, "end");
    await server.stop();
    await told;
    await refused(socket);
  });

  it("cuts a WebSocket whose client does not close it", async () => {
    const client = new WebSocket(`ws://127.0.0.1:${server.webPort}/ws`, "xmpp");
    await once(client, "open");
    const socket = (client as unknown as { _socket: Socket })._socket;
    // It hears nothing any more, so it does not answer the close either.
    client.pause();
    socket.pause();
    const began = performance.now();
    await server.stop();
    assert.ok(performance.now() - began < 2000);
    await refused(socket);
  });
});

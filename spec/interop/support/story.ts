import assert from "node:assert/strict";
import { type RunningServer, startServer } from "../server.js";
import { DrivenClient, type Driver } from "./driven-client.js";
import type { Login } from "./protocol.js";
import { stepByStep } from "./steps.js";

export const JULIET = "juliet@localhost";
export const ROMEO = "romeo@localhost";
export const USERS = [
  { name: "juliet", password: "wherefore art thou" },
  { name: "romeo", password: "a rose by any other name" },
];

export function passwordOf(name: string): string {
  const user = USERS.find((known) => known.name === name);
  assert.ok(user, `no user ${name}`);
  return user.password;
}

/** What `name` needs to log in at `server`. */
export function loginFor(server: RunningServer, name: string, how: "starttls" | "tls"): Login {
  const directTls = how === "tls";
  return {
    jid: `${name}@${server.domain}`,
    password: passwordOf(name),
    host: "127.0.0.1",
    port: directTls ? server.tlsPort : server.port,
    directTls,
    certificate: server.certificate,
  };
}

/**
 * Two people who log in, add each other, chat, part and meet again: the same story for every client library.
 * Juliet uses STARTTLS, Romeo TLS from the first byte. Each step stands on the one before.
 * `settings`: options of the server that this library needs, as `key=value`.
 */
export function story(driver: Driver, settings: readonly string[] = []): void {
  stepByStep();
  let server: RunningServer;
  let juliet: DrivenClient;
  let romeo: DrivenClient;
  const login = (name: string, how: "starttls" | "tls") =>
    DrivenClient.login(driver, loginFor(server, name, how));

  before("a server with two accounts", async () => {
    server = await startServer({ users: USERS, settings });
  });

  after("no process or file is left", async () => {
    await juliet?.stop();
    await romeo?.stop();
    await server?.stop();
  });

  it("logs in over STARTTLS and over direct TLS, trusting the server's certificate", async () => {
    juliet = await login("juliet", "starttls");
    romeo = await login("romeo", "tls");
  });

  it("adds a contact who is asked, accepts and adds back", async () => {
    juliet.send({ do: "add", jid: ROMEO });
    await romeo.sees("request", { from: JULIET });
    romeo.send({ do: "accept", jid: JULIET });
    await juliet.sees("contact", { jid: ROMEO, subscription: "to" });
    romeo.send({ do: "add", jid: JULIET });
    await juliet.sees("request", { from: ROMEO });
    juliet.send({ do: "accept", jid: ROMEO });
    await juliet.sees("contact", { jid: ROMEO, subscription: "both" });
    await romeo.sees("contact", { jid: JULIET, subscription: "both" });
  });

  it("sees the contact online", async () => {
    await juliet.sees("presence", { from: ROMEO, available: true });
    await romeo.sees("presence", { from: JULIET, available: true });
  });

  it("carries a chat both ways, letters beyond ASCII unharmed", async () => {
    juliet.send({ do: "message", to: ROMEO, body: "Ärt thou not Romeo? <&> 🌹" });
    const asked = await romeo.sees("message", { from: JULIET });
    assert.deepEqual(asked, { ...asked, body: "Ärt thou not Romeo? <&> 🌹", delayed: false });
    romeo.send({ do: "message", to: JULIET, body: "Neither, fair saint" });
    const answered = await juliet.sees("message", { from: ROMEO });
    assert.deepEqual(answered, { ...answered, body: "Neither, fair saint", delayed: false });
  });

  it("keeps a message for a contact who went offline and delivers it once, with its time, at the next login", async () => {
    await romeo.logout();
    await juliet.sees("presence", { from: ROMEO, available: false });
    juliet.send({ do: "message", to: ROMEO, body: "Good night, good night" });

    romeo = await login("romeo", "tls");
    const kept = await romeo.sees("message");
    assert.deepEqual(kept, { saw: "message", from: JULIET, body: "Good night, good night", delayed: true });

    await juliet.sees("presence", { from: ROMEO, available: true });
    juliet.send({ do: "message", to: ROMEO, body: "Good morrow" });
    // Nothing in between: the kept one came once. (This one may queue up behind it and be called delayed too.)
    const next = await romeo.sees("message");
    assert.equal(next.body, "Good morrow");
  });

  it("finds the roster as it was left", async () => {
    await romeo.sees("contact", { jid: JULIET, subscription: "both" });
  });
}

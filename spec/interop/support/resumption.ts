import assert from "node:assert/strict";
import { type RunningServer, startServer } from "../server.js";
import { DrivenClient, type Driver } from "./driven-client.js";
import { JULIET, loginFor, ROMEO, USERS } from "./story.js";
import { until } from "./waiting.js";
import { Wire } from "./wire.js";

/** Long enough that the bytes of the messages stand out among those of acknowledgements. */
const WORDS = "parting is such sweet sorrow ".repeat(20);
const WAIT_MS = 10_000;

export interface ResumptionOptions {
  /** The library sends again what was not acknowledged: XEP-0198 §5. */
  resends: boolean;
}

/** A client whose connection breaks in the middle of a talk resumes its session (XEP-0198 §5), and nothing is lost. */
export function resumption(driver: Driver, { resends }: ResumptionOptions): void {
  let server: RunningServer;
  let wire: Wire;
  let juliet: DrivenClient;
  let romeo: DrivenClient;

  before("two people who talk, one of them over a wire that breaks", async () => {
    server = await startServer({ users: USERS });
    wire = await Wire.to(server.port);
    juliet = await DrivenClient.login(driver, loginFor(server, "juliet", "starttls"));
    const login = loginFor(server, "romeo", "starttls");
    romeo = await DrivenClient.login(driver, { ...login, port: wire.port, resumes: true });
  });

  after("no process or file is left", async () => {
    await juliet?.stop();
    await romeo?.stop();
    await wire?.close();
    await server?.stop();
  });

  it("resumes after its connection was cut, and has all that was said meanwhile, in order, once", async () => {
    say(juliet, ROMEO, ["before 1", "before 2"]);
    await hears(romeo, JULIET, ["before 1", "before 2"]);
    for (const body of ["before 3", "before 4", "before 5"]) {
      say(romeo, JULIET, [body]);
      await hears(juliet, ROMEO, [body]);
    }

    wire.swallow();
    // On their way when the connection breaks, in both directions.
    const lost = ["lost 1", "lost 2", "lost 3"];
    say(juliet, ROMEO, lost);
    if (resends) say(romeo, JULIET, lost);
    // One at least: where he is still being given what waited for his login, the next ones wait for his acknowledgement.
    await until("messages to get lost", WAIT_MS, () => {
      const { fromClient, fromServer } = wire.swallowed;
      return (fromServer > WORDS.length && (!resends || fromClient > WORDS.length)) || undefined;
    });
    wire.cut();
    await romeo.sees("cut");
    const away = ["while away 1", "while away 2"];
    say(juliet, ROMEO, away);
    wire.mend();

    await romeo.sees("resumed");
    say(juliet, ROMEO, ["after"]);
    say(romeo, JULIET, ["after"]);
    await hears(romeo, JULIET, [...lost, ...away, "after"]);
    await hears(juliet, ROMEO, resends ? [...lost, "after"] : ["after"]);
  });
}

function say(client: DrivenClient, to: string, bodies: readonly string[]): void {
  for (const body of bodies) client.send({ do: "message", to, body: `${body} ${WORDS}` });
}

/** The next messages are these, and nothing between them. */
async function hears(client: DrivenClient, from: string, bodies: readonly string[]): Promise<void> {
  const heard: string[] = [];
  for (const _ of bodies) {
    const message = await client.sees("message", { from });
    heard.push(message.body.replace(` ${WORDS}`, ""));
  }
  assert.deepEqual(heard, bodies);
}

import { type Command, InvalidArgumentError } from "commander";
import { parseDuration } from "../config/units.js";
import { configOf } from "./config.js";
import type { ListOptions } from "./dead-letters.js";

/** ms */
const MAX_TIME = 3_600_000;

/** `sluice cluster …`, `sluice dead-letters …`, `sluice drain` */
export function addClusterCommands(sluice: Command): void {
  const cluster = sluice.command("cluster").description("the cluster, as the running server sees it");
  cluster
    .command("status")
    .description("show this node and the others: sessions, silence, what waits for them, ms there and back")
    .option("--json", "as JSON")
    .option(
      "--compare",
      "also whether each node knows the same sessions as this one: it looks at all of them",
    )
    .action(async (options: { json?: boolean; compare?: boolean }, command: Command) => {
      const { showStatus } = await import("./cluster.js");
      await showStatus((await configOf(command)).config, options);
    });
  cluster
    .command("sessions")
    .description("list the sessions of all nodes, as this node knows them")
    .option("--limit <count>", "how many at most", countGiven, 1000)
    .option("--json", "as JSON")
    .action(async (options: { limit: number; json?: boolean }, command: Command) => {
      const { showSessions } = await import("./cluster.js");
      await showSessions((await configOf(command)).config, options);
    });
  addDeadLetterCommands(sluice);
  sluice
    .command("drain")
    .description("hand the sessions of the running server over to other nodes, and stop it")
    .option(
      "--time <time>",
      "how long at most, such as 30s (default: shutdown.drain, or 30s where that is 0)",
      timeGiven,
    )
    .action(async (options: { time?: number }, command: Command) => {
      const { drain } = await import("./cluster.js");
      await drain((await configOf(command)).config, options);
    });
}

function addDeadLetterCommands(sluice: Command): void {
  const letters = sluice
    .command("dead-letters")
    .description("what nodes told each other and could not handle, however often it was tried");
  letters
    .command("list")
    .description("list them, oldest first: id, when, kind, and the reason")
    .option("--limit <count>", "how many at most", countGiven, 100)
    .option("--json", "as JSON")
    .action(async (options: ListOptions, command: Command) => {
      const { listLetters } = await import("./dead-letters.js");
      await listLetters((await configOf(command)).config, options);
    });
  letters
    .command("show <id>")
    .description("show one, without what people wrote")
    .option("--body", "with all that is in it")
    .action(async (id: string, options: { body?: boolean }, command: Command) => {
      const { showLetter } = await import("./dead-letters.js");
      await showLetter((await configOf(command)).config, id, options);
    });
  letters
    .command("replay <id>")
    .description("handle one as if it had just come; it goes when that succeeds")
    .action(async (id: string, _options, command: Command) => {
      const { replayLetter } = await import("./dead-letters.js");
      await replayLetter((await configOf(command)).config, id);
    });
  letters
    .command("drop <id>")
    .description("remove one for good")
    .action(async (id: string, _options, command: Command) => {
      const { dropLetter } = await import("./dead-letters.js");
      await dropLetter((await configOf(command)).config, id);
    });
}

/** @returns ms */
function timeGiven(text: string): number {
  const time = parseDuration(text);
  if (time === undefined || time === 0 || time > MAX_TIME)
    throw new InvalidArgumentError("Write a time up to 1h, such as 30s or 5m.");
  return time;
}

function countGiven(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("Write a number from 1 to 999999.");
  return Number(text);
}

/** The commands with their options. What a command needs is loaded when it runs: `start` should not wait for the others. */
import { Command, CommanderError } from "commander";
import { AdminError } from "../admin/admin-error.js";
import { SetupError } from "../config/setup-error.js";
import { version } from "../version.js";
import { addClusterCommands } from "./cluster-commands.js";
import { completeConfigOf, configReader, configReadingOf, sourceArguments } from "./config.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { addUserCommands } from "./user-commands.js";

/** @returns the exit code. */
export async function runCli(args: string[]): Promise<ExitCode> {
  try {
    await program().parseAsync(args, { from: "user" });
    return (process.exitCode as ExitCode | undefined) ?? 0;
  } catch (error) {
    return explain(error);
  }
}

function program(): Command {
  const sluice = new Command("sluice")
    .description("An XMPP server whose nodes talk through a message queue.")
    .version(version)
    .exitOverride()
    .showHelpAfterError("Add --help to see what can be given.")
    .configureHelp({ showGlobalOptions: true })
    .option("-c, --config <file>", "configuration file (default: conf/sluice.yaml if it is there)")
    .option(
      "-s, --set <key=value>",
      "set any option, such as storage.client=postgres; can be given again",
      collect,
    )
    .addHelpText("after", exitCodeHelp);
  sluice
    .command("start")
    .description(
      "start the server and keep it running until SIGTERM or SIGINT; SIGHUP reloads certificates and log levels",
    )
    .action(async (_options, command: Command) => {
      const { startServer } = await import("./start.js");
      await startServer(await configReader(command), () => sourceArguments(command));
    });
  sluice
    .command("worker <slot>", { hidden: true })
    .action(async (slot: string, _options, command: Command) => {
      const { runWorker } = await import("./worker.js");
      await runWorker(Number(slot), await configReader(command));
    });
  sluice
    .command("check")
    .description("check the configuration without starting")
    .action(async (_options, command: Command) => {
      const { checkConfig } = await import("./check.js");
      await checkConfig(await configReadingOf(command));
    });
  sluice
    .command("hooks")
    .description("list every hook point, who runs there, in order")
    .action(async (_options, command: Command) => {
      const { listHooks } = await import("./hooks.js");
      await listHooks(await completeConfigOf(command));
    });
  sluice
    .command("script <file...>")
    .description("run scripted conversations (.scs) against a server made for the purpose")
    .action(async (files: string[], _options, command: Command) => {
      const { runScripts } = await import("./script.js");
      await runScripts(files, await completeConfigOf(command));
    });
  addUserCommands(sluice);
  addClusterCommands(sluice);
  return sluice;
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function exitCodeHelp(): string {
  const lines = Object.entries(exitCodes).map(([code, what]) => `  ${code}  ${what}`);
  return `\nExit codes:\n${lines.join("\n")}`;
}

function explain(error: unknown): ExitCode {
  // --help and --version end here too, with 0; Commander has printed the rest.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof AdminError) {
    console.error(error.message);
    return 4;
  }
  if (error instanceof SetupError) {
    console.error(error.message);
    return 3;
  }
  console.error(error);
  return 1;
}

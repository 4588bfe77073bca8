import { Command, CommanderError } from "commander";
import { AdminError } from "../admin/admin-error.js";
import { type LoadedConfig, loadConfig } from "../config/loader.js";
import { SetupError } from "../config/setup-error.js";
import { version } from "../version.js";
import { checkConfig } from "./check.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { listHooks } from "./hooks.js";
import { runScripts } from "./script.js";
import { startServer } from "./start.js";
import { addUserCommands } from "./user.js";

export interface CommonOptions {
  config?: string;
  set: string[];
}

/** The configuration that the options of a command name. @throws ConfigError, SetupError */
export function configOf(command: Command): LoadedConfig {
  const { config, set } = command.optsWithGlobals<CommonOptions>();
  return loadConfig({ file: config, set, env: process.env });
}

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
    .option("-c, --config <file>", "configuration file (default: conf/sluice.yaml if it is there)")
    .option(
      "-s, --set <key=value>",
      "set any option, such as storage.client=postgres; can be given again",
      collect,
      [],
    )
    .addHelpText(
      "after",
      () =>
        `\nExit codes:\n${Object.entries(exitCodes)
          .map(([code, what]) => `  ${code}  ${what}`)
          .join("\n")}`,
    );
  sluice
    .command("start", { isDefault: false })
    .description(
      "start the server and keep it running until SIGTERM or SIGINT; SIGHUP reloads certificates and log levels",
    )
    .action((_options, command: Command) => startServer(() => configOf(command)));
  sluice
    .command("check")
    .description("check the configuration without starting")
    .action((_options, command: Command) => checkConfig(configOf(command)));
  sluice
    .command("hooks")
    .description("list every hook point, who runs there, in order")
    .action((_options, command: Command) => listHooks(configOf(command)));
  sluice
    .command("script <file...>")
    .description("run scripted conversations (.scs) against a server made for the purpose")
    .action((files: string[], _options, command: Command) => runScripts(files, configOf(command)));
  addUserCommands(sluice);
  return sluice;
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
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

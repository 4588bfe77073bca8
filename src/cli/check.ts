import type { LoadedConfig } from "../config/loader.js";
import { validatePlugins } from "../config/plugin-options.js";
import type { Config } from "../config/schema.js";
import { SetupError } from "../config/setup-error.js";
import { pluginNames } from "../plugin/chosen.js";
import { loadPlugins, schemasOf } from "../plugin/host.js";
import { loadCertificates } from "../transport/certificates.js";

/** Says that the configuration is right; what is wrong is thrown. @throws ConfigError, SetupError */
export async function checkConfig(loaded: LoadedConfig): Promise<void> {
  const notices = [...loaded.warnings];
  const mistakes = [
    await mistakeOf(async () => {
      validatePlugins(loaded, schemasOf(await loadPlugins(pluginNames(loaded.config))));
    }),
    ...(await Promise.all(
      withCertificates(loaded.config).map((one) =>
        mistakeOf(async () => {
          await loadCertificates(one, (sentence) => notices.push(sentence));
        }),
      ),
    )),
  ].filter((message) => message !== undefined);
  for (const notice of notices) console.error(notice);
  if (mistakes.length > 0) throw new SetupError(mistakes.join("\n"));
  console.log(`${loaded.file ?? "The default configuration"} is right.`);
}

/** One configuration for each domain whose certificate must be there; nothing is made while checking. */
function withCertificates(config: Config): Config[] {
  return Object.entries(config.domains)
    .filter(([, { certificate }]) => certificate !== undefined || !config.tls.selfSigned)
    .map(([name, options]) => ({ ...config, domains: { [name]: options } }));
}

async function mistakeOf(look: () => Promise<void>): Promise<string | undefined> {
  try {
    await look();
    return undefined;
  } catch (error) {
    if (error instanceof SetupError) return error.message;
    throw error;
  }
}

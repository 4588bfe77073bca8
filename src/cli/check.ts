import type { ConfigReading } from "../config/loader.js";
import { ConfigError } from "../config/problem.js";
import type { Config } from "../config/schema.js";
import { SetupError } from "../config/setup-error.js";
import { loadCertificates } from "../transport/certificates.js";

/** Says that the configuration is right; what is wrong is thrown. @throws SetupError */
export async function checkConfig({ config, problems, warnings, file }: ConfigReading): Promise<void> {
  const notices = [...warnings];
  const certificates = config ? withCertificates(config) : [];
  const mistakes = await Promise.all(
    certificates.map((one) =>
      mistakeOf(async () => {
        await loadCertificates(one, (sentence) => notices.push(sentence));
      }),
    ),
  );
  if (problems.length > 0) mistakes.unshift(new ConfigError(problems).message);
  for (const notice of notices) console.error(notice);
  const wrong = mistakes.filter((message) => message !== undefined);
  if (wrong.length > 0) throw new SetupError(wrong.join("\n"));
  console.log(`${file ?? "The default configuration"} is right.`);
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

import type { ConfigReading } from "../config/loader.js";
import { ConfigError } from "../config/problem.js";
import { type CertificateSettings, readCertificateSettings } from "../config/schema.js";
import { SetupError } from "../config/setup-error.js";
import { loadCertificates, type Notice, readPart } from "../transport/certificates.js";

type Look = () => Promise<unknown>;

/** Says that the configuration is right; what is wrong is thrown, all of it. @throws SetupError */
export async function checkConfig(reading: ConfigReading): Promise<void> {
  const { config, problems, file, written } = reading;
  const notices = [...reading.warnings];
  const looks = certificateLooks(config ?? readCertificateSettings(written), (one) => notices.push(one));
  const mistakes = await Promise.all(looks.map(mistakeOf));
  if (problems.length > 0) mistakes.unshift(new ConfigError(problems).message);
  for (const notice of notices) console.error(notice);
  const wrong = mistakes.filter((message) => message !== undefined);
  if (wrong.length > 0) throw new SetupError(wrong.join("\n"));
  console.log(`${file ?? "The default configuration"} is right.`);
}

/** One look for each domain whose certificate must be there; nothing is made while checking. */
function certificateLooks({ tls, domains }: CertificateSettings, notice: Notice): Look[] {
  return Object.entries(domains).flatMap(([name, { certificate, key }]): Look[] => {
    const one = { tls, data: "", domains: { [name]: { certificate, key } } };
    if (certificate !== undefined && key !== undefined) return [() => loadCertificates(one, notice)];
    // That the other one is missing has been told.
    if (certificate !== undefined) return [() => readPart(name, "certificate", certificate)];
    if (key !== undefined) return [() => readPart(name, "key", key)];
    return tls.selfSigned ? [] : [() => loadCertificates(one, notice)];
  });
}

async function mistakeOf(look: Look): Promise<string | undefined> {
  try {
    await look();
    return undefined;
  } catch (error) {
    if (error instanceof SetupError) return error.message;
    throw error;
  }
}

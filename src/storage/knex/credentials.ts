import { type Credentials, type ScramKeys, scramHashes } from "../../auth/types.js";

/** Keys as they are stored: JSON, bytes in base64. */
type StoredKeys = { iterations: number; salt: string; storedKey: string; serverKey: string };

export function formatCredentials(credentials: Credentials): string {
  const stored: Record<string, StoredKeys> = {};
  for (const hash of scramHashes) {
    const keys = credentials[hash];
    if (keys) stored[hash] = formatKeys(keys);
  }
  return JSON.stringify(stored);
}

/** The iterations of the first keys in stored credentials, of which the beginning is enough; 0 when there are none. */
export function firstIterations(text: string): number {
  return Number(/"iterations":(\d+),/.exec(text)?.[1] ?? 0);
}

export function parseCredentials(text: string): Credentials {
  const stored = JSON.parse(text) as Record<string, StoredKeys | undefined>;
  const credentials: Credentials = {};
  for (const hash of scramHashes) {
    const keys = stored[hash];
    if (keys) credentials[hash] = parseKeys(keys);
  }
  return credentials;
}

function formatKeys({ iterations, salt, storedKey, serverKey }: ScramKeys): StoredKeys {
  const text = (bytes: Buffer) => bytes.toString("base64");
  return { iterations, salt: text(salt), storedKey: text(storedKey), serverKey: text(serverKey) };
}

function parseKeys({ iterations, salt, storedKey, serverKey }: StoredKeys): ScramKeys {
  const bytes = (text: string) => Buffer.from(text, "base64");
  return { iterations, salt: bytes(salt), storedKey: bytes(storedKey), serverKey: bytes(serverKey) };
}

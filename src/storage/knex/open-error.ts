import { SetupError } from "../../config/setup-error.js";
import { codeOf } from "./errors.js";

export interface Place {
  /** Of SQLite. */
  file?: string;
  /** Of PostgreSQL or MySQL. */
  url?: string;
}

/** What an error code means to the admin; `at` names the file or the server. */
const MEANINGS: { codes: string[]; text: (at: string) => string }[] = [
  {
    codes: ["EACCES", "EPERM", "EROFS", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN"],
    text: (at) =>
      `The database ${at} cannot be written. Let the server's user write to the file and its folder.`,
  },
  {
    codes: ["EISDIR", "ENOTDIR", "EEXIST"],
    text: (at) =>
      `The database ${at} cannot be made: a folder or file is in its way. Change storage.sqlite.file or data.`,
  },
  {
    codes: ["SQLITE_NOTADB", "SQLITE_CORRUPT"],
    text: (at) =>
      `The file ${at} is not a SQLite database, or is damaged. Restore a backup, or move the file away.`,
  },
  {
    codes: ["SQLITE_BUSY", "SQLITE_LOCKED"],
    text: (at) =>
      `The database ${at} is held by another program. Is a second server running on the same data folder?`,
  },
  {
    codes: ["SQLITE_FULL", "ENOSPC", "EDQUOT"],
    text: (at) => `There is no room left on the disk for the database ${at}. Make room there.`,
  },
  {
    codes: ["28P01", "28000", "ER_ACCESS_DENIED_ERROR", "ER_ACCESS_DENIED_NO_PASSWORD_ERROR"],
    text: (at) =>
      `The database server at ${at} refuses the user name or password. Correct them in storage.url.`,
  },
  {
    codes: ["3D000", "ER_BAD_DB_ERROR"],
    text: (at) => `There is no such database at ${at}. Create it, or correct its name in storage.url.`,
  },
  {
    codes: ["42501", "ER_DBACCESS_DENIED_ERROR", "ER_TABLEACCESS_DENIED_ERROR"],
    text: (at) =>
      `The user in storage.url may not use or change the database at ${at}. Grant it all rights there.`,
  },
  {
    codes: [
      "ECONNREFUSED",
      "ECONNRESET",
      "ENOTFOUND",
      "EAI_AGAIN",
      "ETIMEDOUT",
      "EHOSTUNREACH",
      "ENETUNREACH",
      "PROTOCOL_CONNECTION_LOST",
      "57P03",
      "53300",
      "ER_CON_COUNT_ERROR",
    ],
    text: (at) =>
      `The database server at ${at} cannot be reached. Start it, or correct its address in storage.url.`,
  },
];

/** The error with which a database could not be opened, as a SetupError where the admin can do something about it. */
export function explainOpenError(error: unknown, place: Place): unknown {
  if (error instanceof SetupError) return error;
  const at = place.file ?? withoutPassword(place.url ?? "");
  const code = reasonOf(error, place);
  const meaning = MEANINGS.find(({ codes }) => codes.includes(code));
  return meaning ? new SetupError(`${meaning.text(at)} (${code})`, { cause: error }) : error;
}

function reasonOf(error: unknown, { url }: Place): string {
  const code = codeOf(error);
  // A missing file means another thing for a file than for a server's socket.
  if (code === "ENOENT") return url === undefined ? "EACCES" : "ECONNREFUSED";
  // The driver of PostgreSQL has no code for its own deadline.
  if (code === "" && error instanceof Error && /timeout/i.test(error.message)) return "ETIMEDOUT";
  return code;
}

/** "host:5432/database" */
function withoutPassword(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

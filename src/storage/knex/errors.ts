/** Errors of the three databases by meaning. */

/** Something of this name is there already. */
const UNIQUE = new Set(["SQLITE_CONSTRAINT", "23505", "ER_DUP_ENTRY"]);
/** A row refers to one that is gone. */
const FOREIGN_KEY = new Set(["SQLITE_CONSTRAINT", "23503", "ER_NO_REFERENCED_ROW_2"]);
/** Two transactions stood in each other's way and the database ended this one; nothing of it was written. */
const CONFLICT = new Set([
  "SQLITE_BUSY",
  "40001",
  "40P01",
  "ER_LOCK_DEADLOCK",
  "ER_LOCK_WAIT_TIMEOUT",
  // MariaDB with snapshot isolation: the row was changed since it was read.
  "ER_CHECKREAD",
]);

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
}

export function isUniqueViolation(error: unknown): boolean {
  return UNIQUE.has(codeOf(error)) && (codeOf(error) !== "SQLITE_CONSTRAINT" || says(error, "UNIQUE"));
}

export function isForeignKeyViolation(error: unknown): boolean {
  return (
    FOREIGN_KEY.has(codeOf(error)) && (codeOf(error) !== "SQLITE_CONSTRAINT" || says(error, "FOREIGN KEY"))
  );
}

export function isConflict(error: unknown): boolean {
  return CONFLICT.has(codeOf(error));
}

/** SQLite's driver has one code for all constraints. */
function says(error: unknown, kind: string): boolean {
  return error instanceof Error && error.message.includes(`${kind} constraint failed`);
}

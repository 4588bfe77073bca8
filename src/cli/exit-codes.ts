/** What `sluice` exits with; `sluice --help` and docs/admin.md list the same. */
export const exitCodes = {
  0: "done",
  1: "a fault in Sluice, or something could not be stopped cleanly; the log has more",
  2: "the command line is wrong",
  3: "the configuration is wrong, or the admin has to put something right first",
  4: "what was asked for cannot be done (no such account, account exists, not in a cluster)",
} as const;
export type ExitCode = keyof typeof exitCodes;

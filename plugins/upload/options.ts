import { count, duration, size, text, z } from "../../src/plugin/api.js";

const KIB = 1024;
const GIB = 1024 ** 3;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const isWebAddress = (value: string) => /^https?:\/\/[^\s?#]+[^\s?#/]$/i.test(value) && URL.canParse(value);

export const uploadOptions = z.strictObject({
  baseUrl: text("a web address")
    .refine(
      isWebAddress,
      "expected a web address without a slash at its end, such as https://files.example.org",
    )
    .optional()
    .describe(
      "The web address under which files are found, if another web server hands on requests from there; by default this server's own.",
    ),
  maxFileSize: size({ min: KIB, max: 1024 * GIB })
    .prefault("100 MiB")
    .describe("The largest file."),
  quota: size({ min: KIB, max: 1024 * GIB })
    .prefault("1 GiB")
    .describe("How much all files of one account may take up."),
  maxFiles: count({ min: 1, max: 10_000 }).prefault(1000).describe("How many files one account may have."),
  keep: duration({ min: MINUTE, max: 3650 * DAY })
    .prefault("30d")
    .describe("How long a file is kept; then it is removed."),
  // XEP-0363 §8 recommends about 300 seconds.
  slotTimeout: duration({ min: 1000, max: DAY })
    .prefault("5m")
    .describe("How long a client may take from being told where to upload a file until it begins."),
});
export type UploadOptions = z.output<typeof uploadOptions>;

import { z } from "zod";
import { MIN_MESSAGE_SIZE } from "../../adapter.js";

const milliseconds = z.number().int().min(1);
const count = z.number().int().min(1);
const MIB = 1024 * 1024;

export const ipcOptions = z.strictObject({
  folder: z
    .string()
    .min(1)
    .default("ipc")
    .describe("Folder of the nodes' sockets and dead letters; those with the same one hear each other."),
  inFlight: count.default(64).describe("Messages that are dealt with at a time."),
  attempts: count
    .default(3)
    .describe("How often a message is tried before it is set aside as a dead letter."),
  retryDelay: milliseconds.default(100).describe("ms between two of these attempts."),
  deadLetters: count.default(1000).describe("Dead letters that are kept; of more the oldest go."),
  queue: count
    .default(20_000)
    .describe("Messages to one node that it has not dealt with yet; with more, sending fails."),
  queueSize: count.default(64 * MIB).describe("Bytes of these messages; with more, sending fails."),
  maxMessageSize: z
    .number()
    .int()
    .min(MIN_MESSAGE_SIZE)
    .max(64 * MIB)
    .default(4 * MIB)
    .describe("Bytes of the largest message."),
  patience: milliseconds
    .default(1000)
    .describe("ms without an answer after which the sender itself keeps what a node should have taken."),
  leaveTimeout: milliseconds
    .default(10_000)
    .describe("ms that a node which stops waits for others to deal with what it has sent."),
});

export type IpcOptions = z.infer<typeof ipcOptions>;

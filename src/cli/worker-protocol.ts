/** What a supervisor and its workers tell each other over the channel between them. */
import type { ControlRequest } from "../admin/control.js";

export type ToWorker =
  /** The first: the port of each listener. */
  | { tells: "ports"; ports: number[] }
  /** Comes with a socket that was accepted for this listener, by its place in `listen`. */
  | { tells: "connection"; listener: number }
  | { tells: "control"; id: number; request: ControlRequest }
  /** The process of another worker has ended; this was its node. */
  | { tells: "dead"; node: string };

export type FromWorker =
  /** It serves, as this node. */
  | { tells: "ready"; node: string }
  /** It stops, and is to be given nothing more. */
  | { tells: "leaving" }
  | { tells: "answer"; id: number; ok: unknown }
  /** An AdminError. */
  | { tells: "refusal"; id: number; message: string }
  /** Anything else, which the worker has logged. */
  | { tells: "fault"; id: number };

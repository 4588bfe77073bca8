export interface User {
  name: string;
  password: string;
}

/** A started server under test. */
export interface Running {
  /** On 127.0.0.1: c2s, or the relay's. */
  port: number;
  /** The same of the second node, where there are two: every other client goes there. */
  secondPort?: number;
  /** Those who write to each other are to be on one node. */
  pairsTogether?: boolean;
  /** The file or folder that grows when messages are archived; files beside it whose names begin alike belong to it. */
  archive?: string;
  /** Its processes; those below them are found when CPU and memory are read. */
  pids(): number[];
  /** Resolves when its processes have ended and its folder is gone. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Keep an archive of all messages (XEP-0313), on SQLite. */
  archive: boolean;
  /** It may use all cores, not only one. */
  spread: boolean;
  /** Node servers: where to leave a CPU profile on exit. */
  profileFolder?: string;
  /** Node servers: collect garbage on SIGUSR2. */
  collect: boolean;
}

/** A server that the benchmark can start by itself, as a child process in a temporary folder. */
export interface Peer {
  name: string;
  protocol: "relay" | "xmpp" | "websocket";
  /** A Node process: takes `profileFolder` and `collect`. */
  node: boolean;
  /** False: `archive` changes nothing. */
  archives: boolean;
  /** How to get it when it is not there. */
  install: string;
  /** What is installed, with its version, or undefined. */
  available(): Promise<string | undefined>;
  /** The users have accounts at `localhost` when this resolves. @throws when the server does not come up in 30 seconds. */
  start(users: readonly User[], options: StartOptions): Promise<Running>;
}

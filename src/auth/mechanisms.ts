import { Anonymous } from "./anonymous.js";
import { External } from "./external.js";
import { Plain } from "./plain.js";
import { Scram } from "./scram.js";
import { type AuthContext, type Mechanism, type ScramHash, scramHashes } from "./types.js";

export interface MechanismType {
  /** As advertised, RFC 4422 §3.1. */
  readonly name: string;
  /** Only to be offered on an encrypted stream. */
  readonly needsTls: boolean;
  /** Needs channel-binding data: only to be offered where `AuthContext.bindings` has some. */
  readonly plus: boolean;
  create(context: AuthContext): Mechanism;
}

/** Every mechanism, strongest first. Whether one is offered is for the stream to decide. */
export const mechanisms: readonly MechanismType[] = [
  ...scramHashes.flatMap((hash) => [scram(hash, true), scram(hash, false)]),
  { name: "EXTERNAL", needsTls: true, plus: false, create: (context) => new External(context) },
  { name: "PLAIN", needsTls: true, plus: false, create: (context) => new Plain(context) },
  { name: "ANONYMOUS", needsTls: false, plus: false, create: () => new Anonymous() },
];

function scram(hash: ScramHash, plus: boolean): MechanismType {
  return {
    name: `SCRAM-${hash.toUpperCase()}${plus ? "-PLUS" : ""}`,
    needsTls: plus,
    plus,
    create: (context) => new Scram(context, { hash, plus }),
  };
}

/** Every step from an empty database to today's, in order. A step that was released is never changed again. */
import type { Knex } from "knex";
import type { Dialect } from "../dialect.js";
import * as first from "./001-first.js";
import * as archive from "./002-archive.js";
import * as nodes from "./003-nodes.js";

export interface Migration {
  readonly name: string;
  up(db: Knex, dialect: Dialect): Promise<void>;
}

export const MIGRATIONS: readonly Migration[] = [
  { name: "001-first", up: first.up },
  { name: "002-archive", up: archive.up },
  { name: "003-nodes", up: nodes.up },
];

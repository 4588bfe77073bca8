/** Reads the schema itself: which options there are, their sentences and defaults. */
import type * as z from "zod";

type Schema = z.core.$ZodType;

/** One option or section. */
export interface Option {
  /** `*` stands for a name that the admin chooses, or a place in a list. */
  path: string[];
  description: string;
  /** As the admin would write it; undefined when there is none. */
  default: unknown;
  /** It has options of its own. */
  section: boolean;
}

/** Every option below a schema, sections before what they hold. */
export function listOptions(schema: Schema, path: string[] = []): Option[] {
  return Object.entries(fields(schema)).flatMap(([key, field]) => {
    const below = listOptions(field, [...path, key]);
    if (key === "*") return below;
    const { description = "" } = field as z.ZodType;
    return [
      { path: [...path, key], description, default: defaultOf(field), section: below.length > 0 },
      ...below,
    ];
  });
}

/** The keys that a schema knows at a path; a path it does not know gives none. */
export function keysAt(schema: Schema, path: readonly PropertyKey[]): string[] {
  const found = schemaAt(schema, path);
  return found ? Object.keys(fields(found)).filter((key) => key !== "*") : [];
}

function schemaAt(schema: Schema, path: readonly PropertyKey[]): Schema | undefined {
  let current: Schema | undefined = schema;
  for (const part of path) {
    const known: Record<string, Schema> = current ? fields(current) : {};
    current = Object.hasOwn(known, part) ? known[String(part)] : known["*"];
  }
  return current;
}

function fields(schema: Schema): Record<string, Schema> {
  const { _zod } = unwrap(schema) as z.core.$ZodTypes;
  switch (_zod.def.type) {
    case "object":
      return _zod.def.shape;
    case "record":
      return { "*": _zod.def.valueType };
    case "array":
      return { "*": _zod.def.element };
    default:
      return {};
  }
}

/** What is inside defaults, optionality, and functions before (preprocess) or after (transform) the schema proper. */
function unwrap(schema: Schema): Schema {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "prefault":
    case "default":
    case "optional":
    case "nullable":
      return unwrap(def.innerType);
    case "pipe":
      return unwrap((def.in as z.core.$ZodTypes)._zod.def.type === "transform" ? def.out : def.in);
    default:
      return schema;
  }
}

function defaultOf(schema: Schema): unknown {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  return def.type === "prefault" || def.type === "default" ? def.defaultValue : undefined;
}

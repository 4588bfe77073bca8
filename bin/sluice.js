#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = new URL("../dist/src/main.js", import.meta.url);
if (!existsSync(fileURLToPath(main))) {
  console.error(
    "Sluice is not built yet. Run `npm run build` once (npm start and npm test do it by themselves).",
  );
  process.exit(3);
}
await import(main.href);
